"""Looking at a trained network: what it learnt, where it errs, what attacks it, and how other tools can have it."""
