import { rmSync } from 'node:fs';
import { type StartOptions, start, temporaryDirectory } from '../support/service.js';
import { ledgerContract, type OpenedLedger } from './ledger-contract.js';

async function openIn(directory: string, options: StartOptions = {}): Promise<OpenedLedger> {
  const running = await start({ directory, ...options });
  return {
    ledger: running.core.ledger,
    async reopen() {
      await running.stop();
      return openIn(directory, options);
    },
    async close() {
      await running.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

ledgerContract('in the journal', () => openIn(temporaryDirectory()));
