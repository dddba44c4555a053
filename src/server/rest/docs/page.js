// Starts the API browser with Regway's own document. A token that you enter stays in the memory of this tab.

globalThis.SwaggerUIBundle({
  url: '/api/v2/openapi.json',
  domNode: document.getElementById('api'),
  presets: [globalThis.SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  // Contact no other server: no badge of an external validator, no document from a query parameter.
  validatorUrl: null,
  queryConfigEnabled: false,
  requestInterceptor(request) {
    // Otherwise the browser answers a 401 with its own dialog, and remembers what is entered there beyond this tab.
    request.credentials = 'omit';
    return request;
  },
});
