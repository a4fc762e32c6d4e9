// The document as it stands in generated/openapi.json.

import { openApiDocument } from './document.js';
import { rpcFacts } from './rpc-facts.js';

export function openApiText(descriptors: Uint8Array): string {
  const document = openApiDocument(descriptors, rpcFacts());
  return `${JSON.stringify(document, null, 2)}\n`;
}
