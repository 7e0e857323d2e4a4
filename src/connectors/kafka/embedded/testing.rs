//! Test hooks for what a broker does to a topic: more partitions, retention, forgotten groups.

use super::EmbeddedBroker;

impl EmbeddedBroker {
    /// Gives a topic more partitions.
    pub fn grow(&self, topic: &str, partitions: usize) {
        self.shared.resize(&mut self.shared.lock(), topic, partitions).unwrap();
    }

    /// Removes everything before an offset, as retention does.
    pub fn truncate(&self, topic: &str, partition: usize, earliest: i64) {
        self.shared.lock().topics.get_mut(topic).unwrap()[partition].truncate(earliest);
    }

    /// Forgets what a group committed on a topic, as Kafka does after `offsets.retention.minutes`.
    pub fn forget_group(&self, group: &str, topic: &str) {
        self.shared.lock().groups.remove(&(group.to_string(), topic.to_string()));
    }
}
