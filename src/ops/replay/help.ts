import { TARGET_HELP } from '../remote/target.js';

export const REPLAY_HELP = `Usage: tollgate replay <file.csv> --target <address> [flags]

Sends the usage in a CSV file to a running server and prints what became of it.
The first line names the columns. The file is read twice: a malformed row is
found before anything is sent. Row 1 is the first row after the header.

${TARGET_HELP}  TOLLGATE_API_KEY_FILE      environment: file with the API key to send

What is in the file
  --format csv|azure-llm     default csv: the columns are named by the flags
                             below. azure-llm: Azure LLM inference trace; a row
                             gives an input_tokens and an output_tokens event
  --org <id>                 organisation of all rows, or
  --org-column <name>        one per row, or
  --orgs <n>                 org-NNN, NNN = row modulo n (azure-llm: default 10)
  --meter <key>              meter of all rows, or
  --meter-column <name>      one per row
  --quantity <decimal>       quantity of all rows, or
  --quantity-column <name>   one per row, sent as the text it is, or
  --cpu-seconds-column <name>, --gpu-seconds-column <name>,
  --latency-ms-column <name> figures of a run (empty: not taken). None of these:
                             the quantity is 1
  --time-column <name>       event time; without it the server takes its own
  --time-format <format>     auto (default), rfc3339, unix, unix-ms, azure
                             (YYYY-MM-DD HH:MM:SS.fffffff, UTC)
  --event-id-column <name>   event id; without it <prefix>:<row>, the same in
                             every replay, so that a second one is duplicates
  --event-id-prefix <text>   default: the file's name
  --dimension <key>=<value>  label of every event (repeatable)
  --dimension-column <key>[=<name>]
                             label from a column (repeatable; empty: no label)
  --limit <n>                only the first n rows

When it is sent
  --shift-time now|<time>    move all times so that the last row sent falls on
                             now, or on a time such as 2026-01-31T12:00:00Z
  --speed max|<factor>       default max; 1 keeps the gaps between the rows, 10
                             plays ten times as fast

How it is sent
  --mode stream|batch|unary  default stream (RecordStream)
  --window <n>               stream: events on the way at once (default 1024)
  --batch-size <n>           batch: events per call (default 500, at most 1000)
  --concurrency <n>          calls at once (unary: default 16; batch: default 1)
  --retries <n>              without progress before giving up (default 8). What
                             is sent again after a failure may show as duplicate
  --connect-timeout-ms <n>   for the first connection (default 5000)
  --enforce-quota            let the server deny what the quotas do not allow

  --json                     print the final table as JSON
  -h, --help                 print this text

The latency of an event runs from its hand-over to its outcome; at full speed it
holds the wait in the window or in the batch.

Exit code: 0 every event was recorded, a duplicate or denied; 1 some events
failed, a row is malformed or the server cannot be reached; 2 bad usage.
`;
