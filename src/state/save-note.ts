import { kept } from './kept.js';
import type { Tables } from './tables.js';

export function saveNote(tables: Tables, key: string, version: number, text: string): void {
  const note = tables.notes.get(key);
  if (note === undefined) {
    tables.notes.add({ key, ...kept(), version, text });
    return;
  }
  tables.notes.touch(note);
  note.version = version;
  note.text = text;
}
