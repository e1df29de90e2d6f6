"""What every bulk job needs: more batches on the queues, a drain, an end whose account adds up."""
