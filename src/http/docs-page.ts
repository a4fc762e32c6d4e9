// The page that shows the OpenAPI document: Swagger UI, all of it from here, so that it works on a
// closed network; under a policy that lets it load nothing else and talk to nobody else.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOpenApi } from './openapi/stored-document.js';

export interface DocsPage {
  /** By path: `/docs`, and what that page loads. */
  readonly pages: ReadonlyMap<string, Page>;
}

export interface Page {
  readonly contentType: string;
  readonly body: Buffer;
  /** In lower case, besides content-type and content-length. */
  readonly headers: Readonly<Record<string, string>>;
}

const OPENAPI = 'openapi.json';

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A browser asks anew each time: another version of Tollgate may answer. */
const HEADERS: Page['headers'] = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

/** Every link is relative to `/docs`, so that a proxy may serve all of it under a prefix. */
const HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Tollgate API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="docs"></div>
    <noscript>This page needs JavaScript; the document itself is plain JSON.</noscript>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

/** The document and the page that shows it. Reads its files once, about 2.5 MB. */
export function openDocsPage(): DocsPage {
  const folder = assetFolder();
  const asset = (name: string) => readFileSync(join(folder, name));
  const script = 'text/javascript; charset=utf-8';
  return {
    pages: new Map([
      [`/${OPENAPI}`, page('application/json; charset=utf-8', readOpenApi())],
      ['/docs', page('text/html; charset=utf-8', Buffer.from(HTML))],
      ['/docs/start.js', page(script, Buffer.from(startScript(OPENAPI)))],
      ['/docs/swagger-ui-bundle.js', page(script, asset('swagger-ui-bundle.js'))],
      ['/docs/swagger-ui.css', page('text/css; charset=utf-8', asset('swagger-ui.css'))],
    ]),
  };
}

function page(contentType: string, body: Buffer): Page {
  return { contentType, body, headers: HEADERS };
}

/** A file of its own, because the policy lets no script stand in the page. */
function startScript(openApiPath: string): string {
  const options = {
    url: openApiPath,
    dom_id: '#docs',
    deepLinking: true,
    docExpansion: 'none',
    defaultModelsExpandDepth: 0,
    filter: true,
    tryItOutEnabled: true,
    // Else it would ask a service on the internet whether the document is valid.
    validatorUrl: null,
  };
  return `SwaggerUIBundle(${JSON.stringify(options, null, 2)});\n`;
}

/** The build puts the files beside what it emits; the sources read them where npm has put them. */
function assetFolder(): string {
  const built = fileURLToPath(new URL('../../assets/swagger-ui', import.meta.url));
  if (existsSync(built)) return built;
  const { resolve } = createRequire(import.meta.url);
  return join(dirname(resolve('@fastify/swagger-ui/package.json')), 'static');
}
