//! What the server's database says.

use shared::{ConversationId, DeviceId, frame::Append};

use crate::{
    history::{Id, Row},
    server::Server,
};

/// The whole log.
pub(crate) fn rows(server: &mut Server) -> Vec<Row> {
    server.look(|sql| {
        let text =
            "SELECT conv_id, seq, kind, cmid, sender_account, sender, generation, epoch FROM conv_msg ORDER BY conv_id, seq";
        let read = |row: &mut server_core::sql::Row| {
            Ok::<_, server_core::sql::SqlError>(Row {
                conversation: row.take()?,
                number: row.take()?,
                message: row.take::<u64>()? == 0,
                id: row.take()?,
                account: row.take()?,
                device: row.take()?,
                generation: row.take()?,
                epoch: row.take()?,
            })
        };
        sql.query(text, &[]).unwrap_or_default().iter_mut().filter_map(|row| read(row).ok()).collect()
    })
}

/// How many accounts and conversations there are.
pub(crate) fn accounts(server: &mut Server) -> (usize, usize) {
    let mut count = |statement| server.look(|sql| sql.query(statement, &[]).unwrap_or_default().len());
    (count("SELECT 1 FROM account"), count("SELECT 1 FROM conv"))
}

/// (conversation, account) of everybody who is in it.
pub(crate) fn members(server: &mut Server) -> Vec<(Id, Id)> {
    server.look(|sql| {
        let text = "SELECT conv_id, account_id FROM conv_member WHERE until_seq IS NULL";
        let rows = sql.query(text, &[]).unwrap_or_default();
        rows.into_iter().filter_map(|mut row| Some((row.take().ok()?, row.take().ok()?))).collect()
    })
}

/// (conversation, device, leaf, last number) of every leaf.
pub(crate) fn leaves(server: &mut Server) -> Vec<(Id, Id, u64, u64)> {
    server.look(|sql| {
        let text = "SELECT l.conv_id, l.device_id, l.leaf, c.head_seq FROM conv_leaf l JOIN conv c ON c.conv_id = l.conv_id";
        let rows = sql.query(text, &[]).unwrap_or_default();
        rows.into_iter()
            .filter_map(|mut row| Some((row.take().ok()?, row.take().ok()?, row.take().ok()?, row.take().ok()?)))
            .collect()
    })
}

/// The epoch a conversation is in, as the server sees it.
pub(crate) fn epoch(server: &mut Server, conversation: ConversationId) -> Option<u64> {
    server.look(|sql| {
        let rows = sql.query("SELECT epoch FROM conv WHERE conv_id = :conv", &[(":conv", (&conversation).into())]).ok()?;
        rows.into_iter().next()?.take().ok()
    })
}

/// Is this message of this device in the log?
pub(crate) fn is_stored(server: &mut Server, device: DeviceId, append: &Append) -> bool {
    server.look(|sql| {
        let text = "SELECT 1 FROM conv_msg WHERE conv_id = :conv AND sender = :device AND cmid = :message";
        let parameters =
            [(":conv", (&append.conversation).into()), (":device", (&device).into()), (":message", (&append.message).into())];
        sql.query(text, &parameters).is_ok_and(|rows| !rows.is_empty())
    })
}

/// (conversation, cursor, last number) of every conversation the device has a leaf in, where the two differ.
pub(crate) fn untold(server: &mut Server, device: Id) -> Vec<(Id, u64, u64)> {
    server.look(|sql| {
        let text =
            "SELECT l.conv_id, COALESCE(x.acked_seq, 0), c.head_seq FROM conv_leaf l JOIN conv c ON c.conv_id = l.conv_id
             LEFT JOIN device_cursor x ON x.conv_id = l.conv_id AND x.device_id = l.device_id
             WHERE l.device_id = :device AND COALESCE(x.acked_seq, 0) <> c.head_seq";
        let rows = sql.query(text, &[(":device", (&device).into())]).unwrap_or_default();
        rows.into_iter().filter_map(|mut row| Some((row.take().ok()?, row.take().ok()?, row.take().ok()?))).collect()
    })
}

/// How many messages the server has counted of this device, in all conversations.
pub(crate) fn counted(server: &mut Server, device: DeviceId) -> u64 {
    server.look(|sql| {
        let text = "SELECT COALESCE(SUM(last_n), 0) FROM conv_device WHERE device_id = :device";
        let rows = sql.query(text, &[(":device", (&device).into())]).unwrap_or_default();
        rows.into_iter().next().and_then(|mut row| row.take().ok()).unwrap_or(0)
    })
}
