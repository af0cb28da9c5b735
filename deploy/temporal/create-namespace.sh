#!/bin/sh
# Creates the namespace that the worker works in, unless it is there already. A server that has just started needs a while
# before it can do so, hence the loop.
set -eu

for _ in $(seq 60); do
  if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 30d; then
    exit 0
  fi
  sleep 2
done
echo "the namespace $TEMPORAL_NAMESPACE could not be created at $TEMPORAL_ADDRESS" >&2
exit 1
