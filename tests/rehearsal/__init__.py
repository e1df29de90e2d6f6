"""The autoscaling rehearsal: the rendered HPA manifest, applied to real workers by Kubernetes' published algorithm."""
