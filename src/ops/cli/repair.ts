import type { CommandIo } from './command.js';
export async function runRepair(_argv: readonly string[], _io: CommandIo): Promise<number> { return 1; }
