"""The paper's analytic side: numbers predicted without running the simulator (arXiv 2306.01271)."""
