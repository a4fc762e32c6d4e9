// Numbers with their nouns: "1 event", "2 events".

export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
