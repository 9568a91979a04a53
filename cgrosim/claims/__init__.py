"""The only place that knows both the simulator and the theory: claims, verdicts, and the report about them."""
