"""The decisions: pure functions over frozen structs, without Faust, Kafka, SQL, HTTP or a clock."""
