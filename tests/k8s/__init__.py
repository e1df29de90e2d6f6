"""What deploy/k8s renders is valid, and says what the code and the documentation say."""
