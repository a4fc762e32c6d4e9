// Requests to the paths of older systems.

import { type Answer, type Given, http } from './http.js';
import type { Running } from './service.js';

/** Where nobody has to say who they are. */
export const as = (orgId: string) => ({ 'x-tollgate-org': orgId });

export interface Older {
  readonly get: (path: string, headers?: Given['headers']) => Promise<Answer>;
  readonly post: (path: string, body: object, headers?: Given['headers']) => Promise<Answer>;
  readonly put: (path: string, body: object, headers?: Given['headers']) => Promise<Answer>;
}

export function older(now: () => Pick<Running, 'service'>): Older {
  return {
    get: (path, headers = {}) => http(now(), 'GET', path, { headers }),
    post: (path, body, headers = {}) => http(now(), 'POST', path, { body, headers }),
    put: (path, body, headers = {}) => http(now(), 'PUT', path, { body, headers }),
  };
}
