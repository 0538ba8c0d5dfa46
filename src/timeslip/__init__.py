"""Time travel for live Python sessions: record every cell run, bring any recorded state back in place."""
