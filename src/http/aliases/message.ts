// Messages of the contract, made from the few fields that an older path has, and lists of them.

const NOTHING = new Uint8Array();

/** With these fields, and the others as in an empty message. */
export function message<Message extends object>(
  type: { readonly decode: (input: Uint8Array) => Message },
  fields: Partial<Message>,
): Message {
  return { ...type.decode(NOTHING), ...fields };
}

/** `DRAFT` for INVOICE_STATE_DRAFT: an enum value without the name of its type. */
export function enumName(
  names: Readonly<Record<string, number>>,
  value: number,
  prefix: string,
): string {
  const name = Object.keys(names).find((each) => names[each] === value) ?? prefix;
  return name.slice(prefix.length);
}

interface Page<Item> {
  readonly items: readonly Item[];
  /** '' after the last one. */
  readonly next: string;
}

/** A list in one piece, as older systems have it: up to `max` of what is wanted. */
export async function collect<Item>(
  read: (pageToken: string) => Promise<Page<Item>>,
  { max, wanted = () => true }: { readonly max: number; readonly wanted?: (item: Item) => boolean },
): Promise<readonly Item[]> {
  const found: Item[] = [];
  for (let token = ''; ; ) {
    const { items, next } = await read(token);
    found.push(...items.filter(wanted));
    if (next === '' || found.length >= max) return found.slice(0, max);
    token = next;
  }
}
