// The document as it stands in generated/openapi.json.

import { openApiDocument } from './document.js';
import { permissionTexts } from './permissions.js';

export function openApiText(descriptors: Uint8Array): string {
  const document = openApiDocument(descriptors, { permissions: permissionTexts() });
  return `${JSON.stringify(document, null, 2)}\n`;
}
