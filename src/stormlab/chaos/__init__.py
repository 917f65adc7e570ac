"""Breaking the network on purpose: toxics as values, a client to apply them, a server that does what they say."""
