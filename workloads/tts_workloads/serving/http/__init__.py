"""The HTTP side of serving: routes, requests, connections, limits."""
