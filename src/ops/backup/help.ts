import { TARGET_HELP } from '../remote/target.js';

export const BACKUP_HELP = `Usage: tollgate backup --target <address> --output <directory> [--json]

Copies the journal of a running server, which goes on meanwhile: everything acknowledged
before the command began is in the backup. Into a directory with a backup of the same server
only what is new is sent. The backup in it stays whole until the next one is.
tollgate verify --data-dir <directory> checks a backup, tollgate restore makes a data
directory of it. Configuration, TLS files and the texts of keys are not in it.

${TARGET_HELP}  --output <directory>       where the backup is or shall be (required)
  --json                     print the report as JSON
  TOLLGATE_API_KEY_FILE      environment: file with an API key of role platform_admin, for
                             every organisation

Exit codes: 0 well, 1 failure, 2 bad usage, 3 the backup before is damaged.
`;

export const RESTORE_HELP = `Usage: tollgate restore --from <directory> [--data-dir DIR] [flags]

Makes a data directory of a backup: checks every file and the whole journal, copies it, and
begins a new incarnation, so that nothing mistakes it for what the old server went on to.
The data directory must be empty. State and indexes are built at the next start.

  --from <directory>         the backup (required)
  --data-dir <directory>     where to (TOLLGATE_DATA_DIR, ./data)
  --dry-run                  check everything, write nothing
  --json                     print the report as JSON

Exit codes: 0 well, 1 failure, 2 bad usage, 3 the backup is damaged.
`;
