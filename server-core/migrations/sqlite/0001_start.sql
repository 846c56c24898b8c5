-- The first version's tables. Wide rows live in rowid tables, narrow ones WITHOUT ROWID; times are milliseconds since 1970.
CREATE TABLE store_meta (
  id INTEGER PRIMARY KEY CHECK (id = 1), store_epoch BLOB NOT NULL CHECK (length(store_epoch) = 16), keys_fingerprint BLOB NOT NULL
) STRICT; -- the store epoch also stands in a file outside: a copied-back database is noticed

CREATE TABLE account (
  account_id BLOB PRIMARY KEY CHECK (length(account_id) = 16), handle TEXT NOT NULL, handle_norm TEXT NOT NULL UNIQUE,
  opaque_record BLOB NOT NULL, record_no INTEGER NOT NULL, ksf INTEGER NOT NULL, recovery_pub BLOB NOT NULL, identity_pub BLOB NOT NULL,
  statement_no INTEGER NOT NULL, vault BLOB NOT NULL, vault_no INTEGER NOT NULL,
  settings_no INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0, auth_epoch INTEGER NOT NULL DEFAULT 1, created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE statement (
  account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE, number INTEGER NOT NULL, body BLOB NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (account_id, number)
) STRICT;
CREATE TABLE wrap (
  account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE, kind INTEGER NOT NULL, generation INTEGER NOT NULL,
  record_no INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (account_id, kind)
) STRICT;
CREATE TABLE login_attempt (
  attempt_id BLOB PRIMARY KEY, kind INTEGER NOT NULL, account_id BLOB, state BLOB NOT NULL, expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID; -- kinds: 0 log-in, 1 resume, 2 recovery started, 3 recovery opened
CREATE INDEX login_attempt_expiry ON login_attempt(expires_ms);
CREATE TABLE settings_item (
  account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE, collection INTEGER NOT NULL, item BLOB NOT NULL, version INTEGER NOT NULL,
  change_no INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (account_id, collection, item)
) STRICT;
CREATE INDEX settings_change ON settings_item(account_id, change_no);

CREATE TABLE device (
  device_id BLOB PRIMARY KEY CHECK (length(device_id) = 16), account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
  sig_pub BLOB NOT NULL, certificate BLOB NOT NULL, run_token BLOB NOT NULL, auth_epoch INTEGER NOT NULL, -- of the last log-in by password
  created_ms INTEGER NOT NULL, gone_ms INTEGER, last_resort_used INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID; -- gone: retired, revoked or superseded
CREATE INDEX device_account ON device(account_id);
CREATE TABLE session (
  token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32), account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
  device_id BLOB REFERENCES device ON DELETE CASCADE, auth_epoch INTEGER NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID; -- no device: not enrolled yet
CREATE INDEX session_account ON session(account_id);
CREATE INDEX session_expiry ON session(expires_ms);
CREATE TABLE key_package (
  device_id BLOB NOT NULL REFERENCES device ON DELETE CASCADE, last_resort INTEGER NOT NULL, kp_ref BLOB NOT NULL,
  created_ms INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (device_id, last_resort, kp_ref)
) STRICT; -- created: the package's not_before plus one day
CREATE TABLE key_package_claim (
  conv_id BLOB NOT NULL, generation INTEGER NOT NULL, epoch INTEGER NOT NULL, device_id BLOB NOT NULL, claimer BLOB NOT NULL,
  body BLOB NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (conv_id, generation, epoch, device_id, claimer)
) STRICT; -- asked again, the same package
CREATE INDEX key_package_claim_device ON key_package_claim(device_id);
CREATE INDEX key_package_claim_at ON key_package_claim(at_ms);
CREATE TABLE device_head (device_id BLOB PRIMARY KEY, head_n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE device_inbox (
  device_id BLOB NOT NULL, n INTEGER NOT NULL, at_ms INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (device_id, n)
) STRICT;

CREATE TABLE conv (
  conv_id BLOB PRIMARY KEY CHECK (length(conv_id) = 16), kind INTEGER NOT NULL, generation INTEGER NOT NULL, epoch INTEGER NOT NULL,
  head_seq INTEGER NOT NULL, floor_seq INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE conv_pair (
  low BLOB NOT NULL, high BLOB NOT NULL, conv_id BLOB NOT NULL REFERENCES conv ON DELETE CASCADE, PRIMARY KEY (low, high)
) STRICT, WITHOUT ROWID; -- direct conversations are unique; the note is the pair (a, a)
CREATE UNIQUE INDEX conv_pair_conv ON conv_pair(conv_id);
CREATE TABLE conv_group (
  conv_id BLOB NOT NULL REFERENCES conv ON DELETE CASCADE, k BLOB NOT NULL, v BLOB NOT NULL, PRIMARY KEY (conv_id, k)
) STRICT; -- the public group as openmls stores it
CREATE TABLE conv_info (conv_id BLOB PRIMARY KEY REFERENCES conv ON DELETE CASCADE, group_info BLOB NOT NULL, epoch INTEGER NOT NULL) STRICT;
CREATE TABLE conv_leaf (
  conv_id BLOB NOT NULL REFERENCES conv ON DELETE CASCADE, device_id BLOB NOT NULL, account_id BLOB NOT NULL, leaf INTEGER NOT NULL,
  PRIMARY KEY (conv_id, device_id)
) STRICT, WITHOUT ROWID; -- derived from the public group in the same transaction; a living device without a row is wanted
CREATE INDEX conv_leaf_device ON conv_leaf(device_id);
CREATE TABLE conv_device (
  conv_id BLOB NOT NULL REFERENCES conv ON DELETE CASCADE, device_id BLOB NOT NULL, last_n INTEGER NOT NULL,
  rows_generation INTEGER NOT NULL, rows_epoch INTEGER NOT NULL, rows_in_epoch INTEGER NOT NULL, PRIMARY KEY (conv_id, device_id)
) STRICT, WITHOUT ROWID; -- last_n outlives the leaf: a counter never restarts
CREATE TABLE conv_member (
  conv_id BLOB NOT NULL REFERENCES conv ON DELETE CASCADE, account_id BLOB NOT NULL, from_seq INTEGER NOT NULL, until_seq INTEGER,
  PRIMARY KEY (conv_id, account_id, from_seq)
) STRICT, WITHOUT ROWID; -- one row a stay
CREATE INDEX conv_member_account ON conv_member(account_id);
CREATE TABLE conv_msg (
  conv_id BLOB NOT NULL REFERENCES conv ON DELETE CASCADE, seq INTEGER NOT NULL, kind INTEGER NOT NULL, generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL, sender BLOB NOT NULL, sender_account BLOB NOT NULL, cmid BLOB NOT NULL, at_ms INTEGER NOT NULL,
  clear BLOB NOT NULL, body BLOB, sig BLOB, erased_ms INTEGER, PRIMARY KEY (conv_id, seq)
) STRICT; -- clear: authenticated data, kept when the body is erased; sig: the committer's device key over the hash of a commit
CREATE UNIQUE INDEX conv_msg_once ON conv_msg(conv_id, sender, cmid);
CREATE TABLE device_cursor (
  conv_id BLOB NOT NULL REFERENCES conv ON DELETE CASCADE, device_id BLOB NOT NULL, account_id BLOB NOT NULL, acked_seq INTEGER NOT NULL,
  PRIMARY KEY (conv_id, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE limit_strict (key BLOB PRIMARY KEY, tat_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX limit_strict_tat ON limit_strict(tat_ms);
