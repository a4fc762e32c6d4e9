// Every bound of the system, with the reason for its value. Reaching one is an outcome with a
// metric, never a surprise. Relations between bounds are asserted when this file loads.

import { assert } from './base/assert.js';
import { DAY_MS, MINUTE_MS, SECOND_MS } from './base/units.js';

export const limits = {
  // Requests (the contract).
  eventIdChars: 128,
  reservationIdChars: 100,
  dimensions: 16,
  dimensionKeyChars: 64,
  dimensionValueChars: 256,
  quantityScale: 9,
  priceScale: 14,
  batchEvents: 1000,
  /** Of one request, remembered for its refusal; it is refused all the same. */
  faults: 1000,
  items: 16,
  settleEvents: 16,
  /** A full batch of long events; also grpc-js's own default. */
  messageBytes: 4 * 1024 * 1024,
  /** Fields, items and entries with all that is in them; a batch of full events has 60,000. */
  messageElements: 100_000,
  /** Calls that are decided before any of them is answered. */
  turnCalls: 256,
  /** Entries after which a turn goes to the disk, which works while the next one is decided. */
  turnEntries: 100,
  /** Of the lines of an invoice in one reply, which clients refuse beyond `messageBytes`. */
  replyLinesBytes: 2 * 1024 * 1024,
  /** gRPC in C and Java refuses more than 8 KiB of metadata by default. */
  metadataBytes: 8 * 1024,
  usageRows: 10_000,
  pageDefault: 100,
  pageMax: 1000,
  /** Events read one by one for a range or grouping that the totals cannot answer. */
  scanEvents: 50_000,
  estimateItems: 1000,
  /** Events of a day and its windows that taking one back must look at; in slices. */
  correctionEvents: 200_000,

  // Requests of the cold services.
  reasonChars: 256,
  nameChars: 256,
  metadataEntries: 16,
  taxRates: 10,
  seats: 1_000_000,
  trialDays: 730,
  adjustmentsPerInvoice: 100,
  /** A line of a plan's prices is rated at each closing, one of quotas counted at each event. */
  pricesPerList: 1000,
  quotasPerPlan: 100,
  featuresPerPlan: 100,
  runUnitTiers: 100,
  runUnitOverheads: 1000,
  /** Each is counted at each event of its meter. */
  overridesPerOrg: 100,
  /** Of one object; a transaction writes it twice, and all of it must fit one batch. */
  catalogueObjectBytes: 1024 * 1024,
  /** Not archived. All are compiled anew at each change of the catalogue. */
  meters: 1000,
  priceLists: 200,
  plans: 10_000,
  featureFlags: 10_000,
  /** Reports over everything that wait for one another: each goes through all organisations. */
  reportsWaiting: 16,
  /** Of an invoice or preview over a range of its own. */
  invoiceYears: 100,
  /** Moved to a new version of their plan in one transaction, which must fit one batch. */
  movedSubscriptions: 1000,

  // Access.
  apiKeysPerOrg: 1000,
  rolesPerCredential: 16,
  allowedOrgs: 100,
  keyOverlapMs: DAY_MS,
  keyOverlapMaxMs: 30 * DAY_MS,
  /** Credentials that need not be proved anew at each call: about 1 KiB each. */
  sessions: 10_000,
  /** Of credentials that are not remembered, at a time; beyond it UNAVAILABLE, OVERLOADED. */
  proofs: 1000,
  /** Distinct refusals of access remembered for a minute; further ones are not in the audit log. */
  accessDenials: 1000,
  certificates: 1000,
  sanChars: 2048,
  /** How long a token that was proved is not proved again. */
  tokenSessionMs: 5 * MINUTE_MS,
  /** No key, and no sound token, is longer. */
  credentialChars: 8 * 1024,
  /** OpenID Connect allows 255. */
  subjectChars: 256,
  roleChars: 256,
  /** How far an issuer's clock may be ahead, for `nbf` and `iat`; `exp` is exact. */
  tokenSkewMs: MINUTE_MS,
  /** RFC 7518, section 3.3. */
  rsaKeyBitsMin: 2048,
  /** Signatures are checked in libuv's pool: the journal's writes shall find a thread there. */
  signaturesAtOnce: 2,
  keySetBytes: 256 * 1024,
  keySetKeys: 100,
  keyIdChars: 256,
  keySetTimeoutMs: 5 * SECOND_MS,
  keySetFetchMs: 5 * MINUTE_MS,
  /** Between fetches that tokens cause, and after one that failed. */
  keySetRefetchMs: 30 * SECOND_MS,
  /** A set that was not confirmed for longer is not used: what it has may have been withdrawn. */
  keySetStaleMs: DAY_MS,
  accessFilePollMs: 5 * SECOND_MS,
  /** A bundle of all public certificate authorities is a quarter of it. */
  tlsFileBytes: 1024 * 1024,
  /** Of a credential that is bound to an organisation, over the paths of older systems. */
  usageReportsPerMinute: 1000,

  // Time.
  eventPastMs: 35 * DAY_MS,
  eventFutureMs: 5 * MINUTE_MS,
  /** Two billing months: a retry after month end still meets its first attempt. */
  idRetentionMs: 62 * DAY_MS,
  reservationTtlDefaultMs: 60 * SECOND_MS,
  reservationTtlMs: DAY_MS,
  /** A counter of a scope (a run, say) that nothing touched for this long starts again at 0. */
  scopeIdleMs: 7 * DAY_MS,
  clockDisagreementMs: MINUTE_MS,

  // Organisations.
  openHoldsPerOrg: 1000,
  openHolds: 100_000,
  openHoldsPerCredential: 20_000,
  labelSetsPerMonth: 10_000,
  uniqueValuesPerDay: 10_000,
  lastSources: 10_000,
  /** Denials counted until the next summary; one per organisation and rule. */
  denialKeys: 10_000,
  /** Unknown tiers named in the log, one line each; further ones are only counted. */
  unknownTiersNamed: 100,

  // Journal.
  segmentBytes: 64 * 1024 * 1024,
  /** One write. Past it the next batch begins; also bounds what one command may append. */
  batchBytes: 8 * 1024 * 1024,
  /** Entries decided and not yet durable. Two full RecordBatch messages and room to spare. */
  pendingBytes: 32 * 1024 * 1024,
  waitingReplies: 20_000,
  /** Kept free in the journal so that holds can still be settled, released and expired. */
  endingReserveBytes: 4 * 1024 * 1024,
  journalBytes: 64 * 1024 * 1024 * 1024,
  journalWarnRatio: 0.8,
  diskReserveBytes: 256 * 1024 * 1024,
  syncSlowMs: 2 * SECOND_MS,
  syncHangMs: 30 * SECOND_MS,
  /** One directory entry of a segment per this many bytes: the cost of finding a sequence. */
  directoryStrideBytes: 16 * 1024,

  // State.
  checkpointIntervalMs: 5 * SECOND_MS,
  checkpointEntries: 200_000,
  /** Of work beside the calls, in one turn of the event loop: a call passes through about ten. */
  sliceMs: 0.25,
  /** Clean values kept in memory; beyond it the ones not used lately are read again from LMDB. */
  residentValues: 40_000,
  /** What an idle process may hold beyond what its last collection left. */
  garbageBytes: 32 * 1024 * 1024,
  /** Share of the time in which the event loop runs, below which a process is idle. */
  idleUtilization: 0.02,
  idleTurnMs: 5 * SECOND_MS,
  idleTurns: 3,
  /** Full segments that may wait to be compressed while the event loop is busy … */
  segmentsUncompressed: 8,
  /** … which it is above this part of the time. */
  busyRatio: 0.5,
  /** Ids in the open tail of an index before it becomes a sorted run: 2^17. */
  indexTailIds: 131_072,
  /** Runs of one size class within a day before they are merged. */
  runsPerMerge: 8,
  /** Days whose runs become one when all of them are over; their ids are dropped together. */
  daysPerRun: 8,
  /** Full tails that wait to be written out; beyond it new work is refused, OVERLOADED. */
  indexTailsFrozen: 8,

  // Notifications.
  webhookEndpoints: 100,
  webhookUrlChars: 2048,
  webhookEventTypes: 64,
  webhookOverlapMs: DAY_MS,
  webhookOverlapMaxMs: 7 * DAY_MS,
  /** Over two and a half days, with the waits below. */
  webhookAttempts: 12,
  webhookBackoffMs: 5 * SECOND_MS,
  webhookBackoffMaxMs: DAY_MS / 2,
  webhookTimeoutMs: 15 * SECOND_MS,
  /** To one endpoint. One that hangs takes no other's place. */
  webhooksAtOnce: 4,
  /** Of an answer: only its status matters. */
  webhookAnswerBytes: 4096,
  /** How long a stop waits for attempts under way; what it cuts off is sent again. */
  webhookStopMs: SECOND_MS,
  deliveryErrorChars: 256,
  deliveryRetentionMs: 30 * DAY_MS,
  /** Of one endpoint in memory; the others are read when these have gone. */
  deliveriesWaiting: 1000,
  /** Entries remembered as worth looking at; beyond it all are looked at. */
  noticesNoted: 100_000,
  /** Entries that a start after a crash may have to look at once more. */
  outboxEntries: 20_000,
  /** Open thresholds of which the end is told; beyond it not of the oldest. */
  alertsPerOrg: 50,

  // gRPC server.
  grpcConnections: 1024,
  streamsPerConnection: 1024,
  /** From the headers of a call to the end of its one message. */
  requestMs: 30 * SECOND_MS,
  /** Of health and reflection, which need no credential, over all connections … */
  openServiceStreams: 1024,
  /** … and what a caller may send on each. */
  openServiceBytes: 64 * 1024,
  streamUnackedEvents: 4096,
  /** Of a backup: what is read, hashed and sent in one step, about a slice. */
  backupChunkBytes: 64 * 1024,
  /** A caller that takes no chunk for this long is cut off: the next backup waits for its end. */
  backupStallMs: MINUTE_MS,
  /** Segments that a caller of Backup holds: what makes a request of about 500 KiB. */
  backupHeldSegments: 20_000,
  idleConnectionMs: 5 * MINUTE_MS,
  keepaliveMs: 30 * SECOND_MS,
  keepaliveTimeoutMs: 10 * SECOND_MS,
  /** A connection that has sent no valid HTTP/2 preface by then is closed. */
  handshakeMs: 10 * SECOND_MS,
  drainMs: 10 * SECOND_MS,

  // HTTP server.
  httpConnections: 1024,
  /** Of one array; what the contract allows anywhere is a tenth of it. */
  jsonElements: 10_000,
  /** Requests of one connection that are not answered yet; callers that pipeline are few. */
  httpPipelined: 16,
  /** Of all bodies under way together: 16 of the largest, or as many small ones as connections. */
  httpBodiesBytes: 64 * 1024 * 1024,
  httpHeaderBytes: 16 * 1024,
  /** Longer than a usual proxy keeps one, so that it does not meet one that just ended. */
  httpKeepAliveMs: 75 * SECOND_MS,
  /** Streams of usage. They leave most connections to calls. */
  watchers: 128,
  watchersPerOrg: 16,
  /** Waiting for a reader that is slow; one that comes again reads from the journal. */
  watchBytes: 1024 * 1024,
  /** Of all organisations, read one by one for a reader that comes again: 50 to 100 µs each. */
  watchResumeEntries: 10_000,
  /** Proxies commonly end what is silent for 30 or 60 seconds. */
  watchHeartbeatMs: 15 * SECOND_MS,
} as const;

assert(limits.idRetentionMs >= limits.eventPastMs + DAY_MS, 'ids outlive the late bound by a day');
assert(limits.batchBytes > limits.messageBytes, 'one command fits one batch');
assert(limits.messageBytes > 2 * limits.catalogueObjectBytes, 'an object fits twice');
assert(limits.segmentBytes > 2 * limits.batchBytes, 'a batch fits a segment');
assert(limits.httpBodiesBytes >= 2 * limits.messageBytes, 'one body does not end the others');
assert(limits.pendingBytes >= 2 * limits.batchBytes, 'one batch collects while one is written');
assert(
  limits.keySetTimeoutMs < limits.keySetRefetchMs,
  'a fetch ends before the next one may begin',
);
assert(limits.watchers < limits.httpConnections / 2, 'most connections are for calls');
assert(limits.watchHeartbeatMs < limits.httpKeepAliveMs, 'a stream is not idle');
assert(limits.reservationTtlMs < limits.scopeIdleMs, 'a hold ends before its scope is forgotten');
