"""HTTP: thin routes over the runs and the storage. They hold no state and own no run."""
