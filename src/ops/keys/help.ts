import { TARGET_HELP } from '../remote/target.js';

export const KEYS_HELP = `Usage: tollgate keys create --target <address> [flags]
       tollgate keys list --target <address> [--org <id>] [--json]
       tollgate keys rotate <key id> --target <address> [--overlap <duration>]
       tollgate keys revoke <key id> --target <address>

Makes, lists, rotates and revokes API keys of a running server. create and rotate print
the text of the key, and nothing else, on standard output; it cannot be read again.

${TARGET_HELP}  TOLLGATE_API_KEY_FILE      environment: file with the API key to do it with

create
  --name <text>              what the key is for (required)
  --role <role>              what it may do; again for another one (required)
  --org <id>                 the one organisation that it is bound to, or
  --allowed-org <pattern>    an organisation that it may touch: an id, team-*, or *;
                             again for another one
  --expires <time>           from then on it is refused: 2027-01-31T00:00:00Z

list
  --org <id>                 only keys of this organisation
  --json                     one JSON object a line

rotate, revoke
  --overlap <duration>       rotate: how long the text before is taken too (1d): 0s, 12h
  --reason <text>            why, for the audit log

Exit codes: 0 well, 1 failure, 2 bad usage.
`;
