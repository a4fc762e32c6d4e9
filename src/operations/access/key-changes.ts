// Tells whoever remembers a key that it was changed, as soon as the change is durable.

export interface KeyChanges {
  readonly note: (keyId: string) => void;
  readonly listen: (listener: (keyId: string) => void) => void;
}

export function openKeyChanges(): KeyChanges {
  const listeners: ((keyId: string) => void)[] = [];
  return {
    note(keyId) {
      for (const listener of listeners) listener(keyId);
    },
    listen(listener) {
      listeners.push(listener);
    },
  };
}
