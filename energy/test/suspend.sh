#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Suspend this machine for some seconds, woken by its clock. For the test in a VM.
set -e
echo 0 >/sys/class/rtc/rtc0/wakealarm
echo +3 >/sys/class/rtc/rtc0/wakealarm
echo mem >/sys/power/state
