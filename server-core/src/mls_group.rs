//! The public group of a conversation.
