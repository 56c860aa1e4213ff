"""Analysis jobs: files, nightly run, training and reports. Heavy libraries load here and nowhere else."""
