// The header that says who calls stands there once. Of two, Node keeps the first, and a proxy in
// front may have looked at the last: where there are two, neither is believed. Two of `x-api-key`
// come as one text, which is no key.

/** '' where absent. */
export function authorizationIn(
  { authorization = '' }: { readonly authorization?: string | undefined },
  rawHeaders: readonly string[],
): string {
  let times = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === NAME.length && name.toLowerCase() === NAME) times++;
  }
  return times > 1 ? NEITHER : authorization;
}

const NAME = 'authorization';
/** No credential. */
const NEITHER = 'more than one';
