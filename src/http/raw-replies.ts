// Replies that are a file: over HTTP the file itself, unless the caller takes JSON only.

import type { DescMessage } from '@bufbuild/protobuf';
import type { GetInvoicePdfResponse } from '../../generated/ts/tollgate/v1/invoice_service.js';

export interface RawReply {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Undefined where JSON is asked for. */
export type Reader = (reply: object, accept: string) => RawReply | undefined;

/** The media type of the file that a reply is. */
export function fileTypeOf(reply: DescMessage): string | undefined {
  return reply.name === 'GetInvoicePdfResponse' ? 'application/pdf' : undefined;
}

export function rawOf(reply: DescMessage): Reader | undefined {
  const fileType = fileTypeOf(reply);
  if (fileType === undefined) return undefined;
  return (message, accept) => {
    if (accept.includes('application/json')) return undefined;
    const { pdf, fileName } = message as GetInvoicePdfResponse;
    return {
      headers: {
        'content-type': fileType,
        // Of letters, digits and hyphens.
        'content-disposition': `inline; filename="${fileName}"`,
      },
      body: Buffer.from(pdf),
    };
  };
}
