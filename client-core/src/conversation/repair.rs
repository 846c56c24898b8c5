//! The way back of a device that could not apply a commit: it runs what everybody can check forward from its own last state,
//! and replaces its own leaf by an external commit for exactly the state it arrived at (protocol §3). Of several that come back
//! at once the compare-and-set on the epoch makes a queue: the first joins from the disturber's group info, the next from the
//! first's.

use shared::{
    ConversationId,
    frame::{Row, RowKind},
    time::{MINUTE, SECOND},
};

use crate::{
    mls::Shadow,
    rows::Standing,
    session::{Ctx, Session},
};

/// So much at most lies between two tries of devices that come back at once.
const JITTER: u64 = 150;
/// Rows that were asked for and did not come are asked for again after this.
const ROWS_WITHIN: u64 = 3 * SECOND;

/// After somebody came back in nothing is sealed for so long: whoever follows him could not read it.
const QUIET: u64 = SECOND;
/// So long at most in a minute: coming back again and again must not silence others.
const QUIET_WHOLE: u64 = 10 * SECOND;

/// How far the public state has been run.
pub(crate) struct Ahead {
    pub(crate) shadow: Shadow,
    /// The last row passed.
    pub(crate) cursor: u64,
    /// The epoch the own state is of: rows for earlier ones come only from a server that was put back.
    from: u64,
    /// Messages passed that this device has no keys for.
    pub(crate) missed: u64,
}

impl Session {
    /// Somebody, perhaps this device, has come back in: others may be about to.
    pub(super) fn be_quiet(&mut self, ctx: &Ctx<'_>, id: ConversationId) {
        let live = self.live.entry(id).or_default();
        if ctx.now.since(live.quiet_from) >= MINUTE {
            (live.quiet_from, live.quiet_spent) = (ctx.now, 0);
        }
        let so_far = live.quiet.map_or(0, |until| until.since(ctx.now));
        let longer = QUIET.saturating_sub(so_far).min(QUIET_WHOLE.saturating_sub(live.quiet_spent));
        live.quiet_spent += longer;
        live.quiet = Some(ctx.now.plus(so_far + longer));
    }

    /// A pause is over.
    pub(crate) fn speak_again(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now;
        let over: Vec<_> =
            self.live.iter().filter(|(_, live)| live.quiet.is_some_and(|until| until <= now)).map(|(id, _)| *id).collect();
        for id in over {
            if let Some(live) = self.live.get_mut(&id) {
                live.quiet = None;
            }
            self.pump(ctx, id);
        }
    }

    /// Comes back as soon as possible.
    pub(crate) fn repair_soon(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let at = ctx.now.plus(ctx.entropy.below(JITTER));
        self.rejoin_at(id, at);
    }

    /// The next step of the way back: rows that are missing, then the group info of the epoch they lead to.
    pub(super) fn repair(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let Some(conv) = self.convs.get(&id) else { return };
        let (generation, cursor) = (conv.generation, conv.cursor);
        let Some(rejoining) = self.rejoining.get_mut(&id) else { return };
        if rejoining.ahead.is_none() {
            match self.groups.shadow((id, generation)) {
                Ok(shadow) => {
                    let from = shadow.end().map_or(0, |(epoch, _)| epoch);
                    rejoining.ahead = Some(Ahead { shadow, cursor, from, missed: 0 });
                }
                // Nothing is left to start from: as a device whose Welcome could not be opened.
                Err(_) => {
                    self.rejoining.remove(&id);
                    if let Some(conv) = self.conversation(id) {
                        conv.standing = Standing::Awaited;
                    }
                    return self.rejoin_later(ctx, id);
                }
            }
        }
        let head = self.live.get(&id).map_or(0, |live| live.head);
        let Some(rejoining) = self.rejoining.get_mut(&id) else { return };
        if rejoining.ahead.as_ref().is_some_and(|ahead| ahead.cursor >= head) {
            return self.ask_group_info(ctx, id);
        }
        rejoining.at = ctx.now.plus(ROWS_WITHIN);
        self.catch_up_anyway(ctx, id);
    }

    /// Rows behind the one that could not be applied.
    pub(super) fn run_ahead(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, rows: &[Row]) {
        let generation = self.convs.get(&id).map_or(0, |conv| conv.generation);
        for row in rows {
            let Some(ahead) = self.rejoining.get_mut(&id).and_then(|rejoining| rejoining.ahead.as_mut()) else { return };
            if row.number != ahead.cursor + 1 {
                continue;
            }
            if row.generation > generation {
                return self.left_behind(ctx, id);
            }
            if row.generation < generation || row.epoch < ahead.from {
                // Of the server's life before it was put back: passed already.
                ahead.cursor = row.number;
                continue;
            }
            match row.kind {
                RowKind::Message => ahead.missed += u64::from(row.device != self.me.device),
                RowKind::Commit if row.big.is_some() && row.body.is_none() => return self.ask_row(ctx, id, row.number),
                RowKind::Commit | RowKind::Proposal => {
                    let run = row.body.as_ref().map(|bytes| ahead.shadow.run(row, bytes.as_slice()));
                    let Some(Ok(change)) = run else {
                        self.altered(ctx, id, row);
                        let again = self.live.get(&id).and_then(|live| live.again);
                        if let (Some(rejoining), Some(again)) = (self.rejoining.get_mut(&id), again) {
                            rejoining.at = again;
                        }
                        return;
                    };
                    ahead.cursor = row.number;
                    self.show_change(ctx, id, row, &change);
                    continue;
                }
            }
            ahead.cursor = row.number;
        }
        if self.rejoining.get(&id).is_some_and(|rejoining| !rejoining.asked) {
            self.repair(ctx, id);
        }
    }
}
