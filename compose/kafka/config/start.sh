#!/bin/sh
# Starts Kafka: key store from the mounted leaf, storage formatted the first time, then the broker in this very process.
set -eu
umask 077

# Kafka wants key and chain in one file. It is in memory, and its mode is ours whatever a shared folder says of the mounted ones.
cat /run/kit/certs/current/tls.key /run/kit/certs/current/tls.crt > /tmp/keystore.pem

# Serial collector and first compiler only: less memory and a faster start than the defaults, at the load of one computer.
jvm="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Dlog4j2.configurationFile=/etc/kit/log4j2.properties"
jvm="$jvm -Dlog4j.configuration=file:/etc/kit/log4j.properties" # what Kafka 3 reads instead
jvm="$jvm -Xshare:auto -Xlog:disable -Xlog:all=error:stderr"
# Classes made ready when the image was built here. Upstream's image has none for this class path, and a Java that is told of a file
# that is not there shares no class at all, not even its own (seen with 21).
if [ -e /opt/kafka/classes.jsa ]; then
  jvm="$jvm -XX:SharedArchiveFile=/opt/kafka/classes.jsa"
fi

if [ ! -e /var/lib/kafka/data/meta.properties ]; then
  # The tool takes arguments from a file, so that no process list shows the password.
  cat > /tmp/format-arguments <<END
--add-scram
SCRAM-SHA-512=[name=admin,password=$(cat /run/kit/secrets/admin-password)]
END
  # A cluster's id is 16 random bytes, URL-safe; it begins with a letter, for a dash would be taken for an option.
  id=k$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)
  java -Xmx128m $jvm -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format \
    --config /etc/kit/server.properties --cluster-id "$id" @/tmp/format-arguments
  rm /tmp/format-arguments
fi

exec java -Xms256m -Xmx512m $jvm -XX:+ExitOnOutOfMemoryError -cp '/opt/kafka/libs/*' kafka.Kafka /etc/kit/server.properties
