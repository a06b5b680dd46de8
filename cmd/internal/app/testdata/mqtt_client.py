"""A device by python3-paho-mqtt: python3 mqtt_client.py HOST PORT NAME VERSION [CA]

It says and takes the same lines as transports/client/test/mqtt.mjs, and has its
password from the same place.
"""
import json
import os
import sys
import threading

from paho.mqtt import client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

host, port, name, version = sys.argv[1:5]
v5 = version == "5"
lock = threading.Lock()
ids = {}  # of what is to be published, by packet identifier


def say(**what):
    with lock:
        print(json.dumps(what), flush=True)


def on_connect(client, _, flags, reason, *properties):
    if reason != 0:
        say(fault="connect: %s" % reason)
    elif not flags["session present"]:
        client.subscribe([("to/%s/#" % name, 2), ("users/me/messages", 1)])


def on_subscribe(client, _, mid, granted, *properties):
    if any(g not in (0, 1, 2) for g in (getattr(g, "value", g) for g in granted)):
        say(fault="subscribe: %s" % granted)
    say(subscribed=True)


def on_message(client, _, m):
    say(message={"topic": m.topic, "payload": m.payload.decode(), "qos": m.qos, "retain": bool(m.retain)})


options = {"protocol": mqtt.MQTTv5} if v5 else {"protocol": mqtt.MQTTv311, "clean_session": False}
if hasattr(mqtt, "CallbackAPIVersion"):  # 2.0
    options["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
client = mqtt.Client(client_id=name, **options)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.username_pw_set(name, os.environ.get("MQTT_PASSWORD") or None)
client.reconnect_delay_set(1, 1)
if len(sys.argv) > 5:
    client.tls_set(sys.argv[5])
how = {}
if v5:
    expiry = Properties(PacketTypes.CONNECT)
    expiry.SessionExpiryInterval = 600
    how = {"clean_start": False, "properties": expiry}
client.connect(host, int(port), 30, **how)
client.loop_start()
for line in sys.stdin:
    p = json.loads(line)
    info = client.publish(p["topic"], p["payload"], p["qos"])
    info.wait_for_publish()
    say(published=p["id"])
