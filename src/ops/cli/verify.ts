import type { CommandIo } from './command.js';
export async function runVerify(_argv: readonly string[], _io: CommandIo): Promise<number> { return 1; }
