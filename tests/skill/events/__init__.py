"""Events to Alexa."""
