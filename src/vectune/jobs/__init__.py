"""Files, fine-tuning jobs and tuned models that outlive every process; knows no HTTP."""
