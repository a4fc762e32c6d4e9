// Where a data directory may lie. Network file systems reorder, cache and lock in ways that break
// the journal's promises: they are refused by name. Copy-on-write ones work and are slower.

import { statfsSync } from 'node:fs';

/** Magic numbers of statfs(2), Linux. */
const NAMES: Readonly<Record<number, string>> = {
  26985: 'nfs',
  4283649346: 'cifs',
  4266872130: 'smb2',
  20859: 'smb',
  16914839: '9p',
  1702057286: 'fuse',
  198183888: 'lustre',
  12805120: 'ceph',
  1196443219: 'gpfs',
  2035054128: 'overlay',
  2435016766: 'btrfs',
  801189825: 'zfs',
  16914836: 'tmpfs',
  2240043254: 'ramfs',
  61267: 'ext4',
  1481003842: 'xfs',
};

const REFUSED = new Set(['nfs', 'cifs', 'smb2', 'smb', '9p', 'fuse', 'lustre', 'ceph', 'gpfs']);
const WARNED: Readonly<Record<string, string>> = {
  overlay: 'a container layer: data goes with the container; mount a volume',
  btrfs: 'copy-on-write: every sync writes metadata too',
  zfs: 'copy-on-write: every sync writes metadata too',
  tmpfs: 'memory: nothing survives a restart of the machine',
  ramfs: 'memory: nothing survives a restart of the machine',
};

export interface FilesystemCheck {
  readonly name: string;
  readonly verdict: 'fit' | 'warned' | 'refused';
  readonly why: string;
}

export function checkFilesystem(directory: string): FilesystemCheck {
  const { type } = statfsSync(directory);
  const name = NAMES[type] ?? `0x${type.toString(16)}`;
  if (REFUSED.has(name)) {
    return { name, verdict: 'refused', why: 'a network or user-space file system' };
  }
  const why = WARNED[name];
  return why === undefined ? { name, verdict: 'fit', why: '' } : { name, verdict: 'warned', why };
}
