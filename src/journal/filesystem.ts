// Where a data directory may lie. Network file systems reorder, cache and lock in ways that break
// the journal's promises: they are refused by name. Copy-on-write ones work and are slower.

import { statfsSync } from 'node:fs';

/** Magic numbers of statfs(2), Linux. */
const NAMES: Readonly<Record<number, string>> = {
  0x6969: 'nfs',
  0xff534d42: 'cifs',
  0xfe534d42: 'smb2',
  0x517b: 'smb',
  0x01021997: '9p',
  0x65735546: 'fuse',
  0x0bd00bd0: 'lustre',
  0x00c36400: 'ceph',
  0x47504653: 'gpfs',
  0x794c7630: 'overlay',
  0x9123683e: 'btrfs',
  0x2fc12fc1: 'zfs',
  0x01021994: 'tmpfs',
  0x858458f6: 'ramfs',
  0xef53: 'ext4',
  0x58465342: 'xfs',
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
