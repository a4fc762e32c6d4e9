// Where notifications may be sent. Endpoints are made by administrators, and receivers often stand
// in the same network, so private addresses and plain http are theirs to choose. What no receiver
// stands at is refused: link-local addresses, which clouds tell their secrets at, and those that
// name no single machine. A name is looked up anew at each attempt, and its addresses too are
// checked then.

import { BlockList, isIP } from 'node:net';
import { limits } from '../../limits.js';
import { type Faults, hasControl } from '../parse.js';

export function checkUrl(text: string, field: string, faults: Faults): void {
  const fault = urlFault(text);
  if (fault !== undefined) faults.add(field, fault);
}

function urlFault(text: string): string | undefined {
  if (text === '') return 'is required';
  if ([...text].length > limits.webhookUrlChars) {
    return `must be at most ${limits.webhookUrlChars} characters`;
  }
  // The parser would drop or encode these without a word.
  if (hasControl(text) || /\s/.test(text)) return 'must not hold blanks or control characters';
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    return 'must be an absolute URL that begins with https:// or http://';
  }
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password';
  if (text.includes('#')) return 'must not hold a fragment';
  if (isRefusedAddress(hostOf(url))) return 'must not be a link-local, multicast or void address';
  return undefined;
}

/** Without the brackets of IPv6. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

/** False for a name. */
export function isRefusedAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const refused = new BlockList();
  for (const [network, prefix, version] of REFUSED) refused.addSubnet(network, prefix, version);
  return refused.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

const REFUSED = [
  ['0.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
  // The metadata service of EC2.
  ['fd00:ec2::254', 128, 'ipv6'],
] as const;
