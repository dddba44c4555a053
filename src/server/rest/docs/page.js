// Starts the API browser on our own document. A token typed into it stays in the memory of this tab.

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
  // Nothing leaves this server: no badge from a foreign validator, no document from a query parameter.
  validatorUrl: null,
  queryConfigEnabled: false,
  requestInterceptor(request) {
    // Else the browser answers a 401 with its own dialog, and remembers what is typed there beyond this tab.
    request.credentials = 'omit';
    return request;
  },
});
