"""The clients of Sentry's components, each made from the rendered configuration as its component does. Runs in the cluster."""
