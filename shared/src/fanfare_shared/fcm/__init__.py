"""What is said to FCM and what it answers, without a transport: pure, so that the api can use it too."""
