"""What is held against rendered manifests before anything of them reaches a cluster."""
