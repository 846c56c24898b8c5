-- How far each conversation went when an older copy was put back: up to there its rows are those that clients of that store epoch know.
CREATE TABLE restored (
  store_epoch BLOB NOT NULL CHECK (length(store_epoch) = 16), conv_id BLOB NOT NULL REFERENCES conv ON DELETE CASCADE,
  head_seq INTEGER NOT NULL, PRIMARY KEY (store_epoch, conv_id)
) STRICT, WITHOUT ROWID;
