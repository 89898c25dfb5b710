"""The HTTP side of serving: routes, middleware, connections, admission of requests, errors and the OpenAPI document.

How a sentence becomes sound is in ``serving.synthesis``; how the process starts and stops is in ``serving.process``."""
