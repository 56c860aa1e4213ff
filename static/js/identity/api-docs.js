/* Draws the API description with the vendored Swagger page. */
"use strict";
const home = document.getElementById("swagger-ui");
window.SwaggerUIBundle({
  url: home.dataset.url,
  domNode: home,
  deepLinking: false,
  validatorUrl: null,
  presets: [window.SwaggerUIBundle.presets.apis],
});
