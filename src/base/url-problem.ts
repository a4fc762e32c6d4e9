// Which URLs secrets and keys may be fetched from.

/** Why such a URL is not fetched from; undefined where it is: https, or http on this machine. */
export function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is no URL';
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return 'must have no user and no password';
  if (protocol === 'https:') return undefined;
  if (protocol !== 'http:') return 'must begin with https://';
  return isLoopback(hostname) ? undefined : 'must begin with https://: http is for loopback only';
}

/** As `URL` writes it: 127.1 has become 127.0.0.1. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
