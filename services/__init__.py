"""Live programs built on stormlab; siblings never import each other, all may import `services.common`."""
