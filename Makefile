# MemNet: build, test, experiment. `make help` lists the targets.
#
# One file, no recursion. Each program is a list of sources and a list of
# libraries; objects go to $(BUILD), nothing is written beside the sources.

BUILD    ?= build
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
LIBDIR   ?= $(PREFIX)/lib
PLAN     ?= harness/plans/paper.ini
ACCEL    ?= auto
RESULTS  ?= results

MEMNET_CFLAGS := -std=gnu11 -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes \
                 -Wpointer-arith -Wno-unused-parameter -Wno-missing-field-initializers \
                 -D_GNU_SOURCE -I. -pthread $(if $(WERROR),-Werror) \
                 $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer) \
                 $(if $(SANITIZE),-DMEMNET_SANITIZED) \
                 $(if $(findstring thread,$(SANITIZE)),-Wno-tsan)
MEMNET_LDFLAGS := -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))
# Guests have no libraries. Sanitizers do not go with -static.
STATIC := $(if $(SANITIZE),,-static)

, := ,
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

# --- dependencies: checked before anything is built, costs milliseconds ------------

ifneq ($(filter-out clean help lint uninstall verify,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell CC='$(CC)' harness/deps.sh >&2 || echo missing),)
$(error dependencies are missing, see above)
endif
endif
# The model checker is for `make verify` alone, and that needs nothing else.
ifneq ($(filter verify,$(MAKECMDGOALS)),)
ifneq ($(shell CC='$(CC)' harness/deps.sh verify >&2 || echo missing),)
$(error dependencies are missing, see above)
endif
endif

# --- sources -------------------------------------------------------------------------

base_src := \
	memnet-core/base/fdpass.c \
	memnet-core/base/io.c \
	memnet-core/base/parse.c

core_src := \
	memnet-core/layout.c \
	memnet-core/address.c \
	memnet-core/fifo.c \
	memnet-core/mirror.c \
	memnet-core/spin.c

libmemnet_src := \
	memnet-core/guest/region.c \
	memnet-core/guest/region_ivshmem.c \
	memnet-core/guest/region_guest_ram.c \
	memnet-core/guest/region_server.c \
	memnet-core/guest/sysfs.c \
	memnet-core/guest/session.c \
	memnet-core/guest/waiter.c \
	memnet-core/guest/wait.c \
	memnet-core/guest/control.c \
	memnet-core/guest/flow.c \
	memnet-core/guest/open.c \
	memnet-core/guest/stream.c \
	memnet-core/guest/datagram.c \
	memnet-core/guest/poll.c \
	memnet-core/guest/memnet.c \
	memnet-core/guest/vfio.c \
	memnet-core/guest/cache_type.c \
	memnet-core/guest/share.c \
	$(core_src) \
	$(base_src)

# Not in the preload library: no socket call stands for it.
object_src := memnet-core/guest/object.c

# What wants c-ares: not in programs that resolve nothing.
names_src := memnet-core/guest/names.c
resolve_src := memnet-core/guest/resolve.c $(names_src)

library_src := $(object_src) $(resolve_src) $(libmemnet_src)

preload_src := $(addprefix memnet-core/preload/,real.c lock.c fdtable.c net.c sock.c wait.c \
	signals.c stdio.c names.c connect.c io.c stream.c datagram.c options.c fds.c files.c poll.c \
	epoll.c epoll_wait.c resolve.c hostent.c inside.c)

# The reference of one bench; without it that bench says so.
dpdk := $(shell pkg-config --exists libdpdk 2>/dev/null && echo yes)

bench_src := \
	memnet-core/bench/memnet-bench.c \
	memnet-core/bench/bench.c \
	memnet-core/bench/ring.c \
	memnet-core/bench/$(if $(dpdk),ring_dpdk.c,ring_absent.c) \
	memnet-core/bench/fifo.c \
	memnet-core/bench/pingpong_spin.c \
	memnet-core/bench/pingpong_sleep.c \
	memnet-core/bench/service.c \
	memnet-core/bench/tcp.c \
	memnet-core/bench/flows.c \
	memnet-core/bench/fair.c \
	memnet-core/bench/idle.c \
	memnet-core/base/stats.c \
	$(libmemnet_src)

agent_src := \
	memnet-core/guest/memnet-agent.c \
	memnet-core/guest/agent_setup.c \
	memnet-core/guest/keeper.c \
	memnet-core/guest/store.c \
	memnet-core/guest/store_clients.c \
	memnet-core/base/version.c \
	memnet-core/base/unix_socket.c \
	memnet-core/base/notify.c \
	memnet-core/base/loop.c \
	$(libmemnet_src)

host_src := \
	memnet-core/base/loop.c \
	memnet-core/base/nearest.c \
	memnet-core/host/policy.c \
	memnet-core/host/policy_text.c \
	memnet-core/host/ram_map.c \
	memnet-core/host/guest_ram.c \
	memnet-core/host/host.c \
	memnet-core/host/host_policy.c \
	memnet-core/host/host_turns.c \
	memnet-core/host/host_memory.c \
	memnet-core/host/host_channel.c \
	memnet-core/host/host_flow.c \
	memnet-core/host/host_open.c \
	memnet-core/host/host_stream.c \
	memnet-core/host/host_listener.c \
	memnet-core/host/host_datagram.c \
	memnet-core/host/host_object.c

# What a worker runs; their #syscalls are what it is allowed.
worker_src := \
	memnet-core/host/worker.c \
	$(host_src) \
	$(core_src) \
	$(base_src)

memnetd_src := \
	memnet-core/host/memnetd.c \
	memnet-core/host/broker.c \
	memnet-core/host/broker_policy.c \
	memnet-core/host/policy_file.c \
	memnet-core/host/broker_worker.c \
	memnet-core/host/broker_courier.c \
	memnet-core/host/isolate.c \
	memnet-core/host/seccomp.c \
	memnet-core/host/ivshmem_server.c \
	memnet-core/base/version.c \
	memnet-core/base/unix_socket.c \
	memnet-core/base/notify.c \
	$(worker_src)

courier_src := \
	memnet-core/host/memnet-courier.c \
	memnet-core/host/courier_apart.c \
	memnet-core/host/courier_confine.c \
	memnet-core/host/courier_transfer.c \
	memnet-core/host/courier_serve.c \
	memnet-core/address.c \
	memnet-core/host/policy.c \
	memnet-core/base/fdpass.c \
	memnet-core/base/parse.c

conform_src := \
	memnet-core/conformance/main.c \
	memnet-core/conformance/peer.c \
	memnet-core/conformance/bridge.c \
	memnet-core/conformance/conform.c \
	memnet-core/conformance/begin.c \
	memnet-core/conformance/case_connect.c \
	memnet-core/conformance/case_stream.c \
	memnet-core/conformance/case_stream_end.c \
	memnet-core/conformance/case_stream_bulk.c \
	memnet-core/conformance/case_listen.c \
	memnet-core/conformance/case_listen_end.c \
	memnet-core/conformance/case_datagram.c \
	memnet-core/conformance/case_datagram_calls.c \
	memnet-core/conformance/case_poll.c \
	memnet-core/conformance/case_select.c \
	memnet-core/conformance/case_epoll.c \
	memnet-core/conformance/case_epoll_more.c \
	memnet-core/conformance/case_epoll_edge.c \
	memnet-core/conformance/case_fds.c \
	memnet-core/conformance/case_fds_more.c \
	memnet-core/conformance/case_process.c \
	memnet-core/conformance/case_execute.c \
	memnet-core/conformance/case_thread.c \
	memnet-core/conformance/case_left.c \
	memnet-core/conformance/case_signal.c \
	memnet-core/conformance/case_options.c \
	memnet-core/conformance/case_untouched.c \
	memnet-core/conformance/case_names.c \
	memnet-core/conformance/case_meta.c

work_src := \
	workloads/main.c \
	workloads/options.c \
	workloads/stop.c \
	workloads/progress.c \
	workloads/compute.c \
	workloads/kernels.c \
	workloads/kernel_sha256.c \
	workloads/kernel_matmul.c \
	workloads/stream.c \
	workloads/rr.c \
	workloads/conn.c \
	workloads/turn.c \
	workloads/client.c \
	workloads/team.c \
	workloads/histogram.c \
	workloads/flow.c \
	workloads/pattern.c \
	workloads/pace.c \
	workloads/wire.c \
	workloads/transport.c \
	workloads/transport_socket.c \
	workloads/transport_vsock.c \
	workloads/transport_memnet.c \
	workloads/peer.c \
	workloads/peer_session.c \
	workloads/copy.c

zstd_src := \
	workloads/zstd_main.c \
	workloads/zstd_object.c \
	workloads/zstd_curl.c \
	workloads/zstd_sink.c \
	memnet-core/base/version.c

control_src := \
	harness/guest/control.c \
	harness/guest/slots.c \
	$(base_src)

guest_init_src := \
	harness/guest/init.c \
	harness/guest/boot.c \
	$(control_src)

energy_src := \
	energy/energy.c \
	energy/energy_value.c \
	energy/energy_quality.c \
	energy/energy_gauge.c \
	energy/energy_check.c \
	energy/energy_packages.c \
	energy/energy_perf.c \
	energy/energy_powercap.c \
	energy/energy_hwmon.c \
	energy/energy_model.c \
	energy/shape.c \
	energy/calibrate.c \
	energy/attribution.c \
	energy/counters.c \
	energy/counters_name.c \
	energy/cputime.c \
	energy/guest_insns.c \
	energy/sampler.c

energy_tool_src := \
	energy/tool/main.c \
	energy/tool/session.c \
	energy/tool/window.c \
	energy/tool/target.c \
	energy/tool/sink.c \
	energy/tool/count.c \
	energy/tool/events.c \
	energy/tool/net.c \
	energy/tool/values.c \
	energy/tool/repeat.c \
	energy/tool/text.c \
	energy/tool/text_format.c \
	energy/tool/csv.c \
	energy/tool/json.c \
	energy/tool/doctor.c \
	energy/tool/calibrate.c \
	energy/tool/describe.c \
	memnet-core/base/nearest.c \
	memnet-core/base/version.c \
	memnet-core/base/stats.c \
	$(energy_src) \
	$(base_src)

# Found by memnet-energy from where it is: BIN/../share/memnet/events.
event_sets := \
	energy/events/default.events \
	energy/events/cache.events \
	energy/events/scheduling.events \
	energy/events/virtualisation.events

# Found by memnet-lab from where it is: BIN/../share/memnet/plans.
plans := \
	harness/plans/aa.ini \
	harness/plans/apps.ini \
	harness/plans/connections.ini \
	harness/plans/flows.ini \
	harness/plans/link.ini \
	harness/plans/n-vm.ini \
	harness/plans/objects.ini \
	harness/plans/paper.ini \
	harness/plans/paths.ini \
	harness/plans/programs.ini \
	harness/plans/regions.ini \
	harness/plans/sizes.ini \
	harness/plans/smoke.ini \
	harness/plans/spin.ini \
	harness/plans/two-vm.ini

rows_src := \
	harness/columns.c \
	harness/rows.c \
	harness/rows_load.c

analyse_src := \
	harness/analyse.c \
	harness/analyse_values.c \
	harness/columns.c \
	harness/groups.c \
	harness/interference.c \
	harness/metrics.c \
	harness/net_energy.c \
	energy/attribution.c \
	energy/energy_quality.c \
	memnet-core/base/stats.c \
	memnet-core/base/resample.c \
	memnet-core/base/parse.c

table_src := \
	harness/table.c \
	harness/table_words.c \
	harness/table_lists.c

results_src := $(sort $(rows_src) $(analyse_src) $(table_src)) \
	harness/gate.c \
	harness/compare.c \
	harness/compare_words.c \
	harness/power_series.c \
	harness/results.c

paths_src := \
	harness/path.c \
	harness/paths/tap.c \
	harness/paths/virtio_tap.c \
	harness/paths/virtio_vhost.c \
	harness/paths/virtio_user.c \
	harness/paths/passt.c \
	harness/paths/vsock.c \
	harness/paths/e1000.c \
	harness/paths/memnet.c \
	harness/paths/native.c \
	harness/netdev.c \
	harness/tap.c \
	harness/qemu_argv.c \
	harness/child.c

# Beside results_src.
report_src := \
	harness/report.c \
	harness/report_figures.c \
	harness/report_html.c \
	harness/report_svg.c \
	harness/report_words.c

plan_src := \
	$(paths_src) \
	harness/plan.c \
	harness/plan_compare.c \
	harness/plan_values.c \
	harness/plan_apps.c \
	harness/plan_lists.c \
	harness/plan_cpus.c \
	harness/plan_runs.c \
	harness/plan_shipped.c \
	harness/app.c \
	harness/link.c \
	harness/vocabulary.c \
	memnet-core/base/nearest.c

# All of memnet-lab but its main().
lab_parts_src := \
	harness/lab_options.c \
	harness/lab_commands.c \
	harness/lab_plan.c \
	harness/lab_run.c \
	harness/forecast.c \
	harness/doctor.c \
	harness/experiment.c \
	harness/experiment_folder.c \
	harness/experiment_rows.c \
	harness/experiment_setup.c \
	harness/calibrate.c \
	harness/run.c \
	harness/run_guests.c \
	harness/run_spawn.c \
	harness/run_app.c \
	harness/app_image.c \
	harness/packages.c \
	harness/cpio.c \
	harness/run_peer.c \
	harness/run_rates.c \
	harness/run_row.c \
	harness/run_samples.c \
	harness/run_attribution.c \
	harness/run_validity.c \
	harness/run_machine.c \
	harness/run_idle.c \
	harness/host_state.c \
	harness/threads.c \
	harness/vm.c \
	harness/vm_memnetd.c \
	harness/vm_server.c \
	harness/vm_set.c \
	harness/host_tsc.c \
	harness/guest_link.c \
	harness/qemu.c \
	harness/accel.c \
	harness/insns_plugin.c \
	harness/sandbox.c \
	harness/folder.c \
	harness/lock.c \
	harness/merge.c \
	harness/host_class.c \
	harness/environment.c \
	harness/provenance.c \
	harness/compare_folders.c \
	harness/progress.c \
	harness/interrupt.c \
	memnet-core/base/version.c \
	$(plan_src) \
	$(results_src) \
	$(report_src) \
	$(energy_src) \
	$(base_src)

lab_src := harness/lab.c $(lab_parts_src)

energy_lib  := -lpfm -lm
results_lib := -lcsv -lm

# --- programs and tests: name, sources, libraries ------------------------------------

# $(call program,path under $(BUILD),sources,libraries)
define program
$(BUILD)/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$(2))
	$$(call say,LINK,$$@)
	$(Q)mkdir -p $$(@D)
	$(Q)$$(CC) $$(MEMNET_LDFLAGS) $$(LDFLAGS) -o $$@ $$^ $(3)
OBJECTS += $(patsubst %.c,$(BUILD)/obj/%.o,$(2))
endef

# $(call test,test source,sources under test,libraries)
define test
$(call program,$(1:.c=),$(1) $(2),$(3) -lcmocka)
TESTS += $(BUILD)/$(1:.c=)
endef

# What is linked with it loads it by this name: another number when it would no longer work.
libmemnet_so      := libmemnet.so.0
libmemnet_version := 0.1

PROGRAMS := \
	$(BUILD)/bin/memnetd \
	$(BUILD)/bin/memnet-courier \
	$(BUILD)/bin/memnet-agent \
	$(BUILD)/bin/memnet-work \
	$(BUILD)/bin/memnet-zstd \
	$(BUILD)/bin/memnet-native \
	$(BUILD)/bin/memnet-lab \
	$(BUILD)/bin/memnet-energy \
	$(event_sets:energy/%=$(BUILD)/share/memnet/%) \
	$(plans:harness/%=$(BUILD)/share/memnet/%) \
	$(BUILD)/lib/libmemnet.a \
	$(BUILD)/lib/$(libmemnet_so) \
	$(BUILD)/lib/libmemnet-preload.so \
	$(BUILD)/bin/memnet-run \
	$(BUILD)/bin/memnet \
	$(BUILD)/bin/memnet-conform \
	$(BUILD)/guest/mkpackages \
	$(BUILD)/lib/memnet-insns.so

$(eval $(call program,bin/memnetd,$(memnetd_src),-lseccomp))
$(eval $(call program,bin/memnet-courier,$(courier_src),-lcurl -lmicrohttpd -lseccomp))
$(eval $(call program,bin/memnet-agent,$(agent_src),$(STATIC)))
$(eval $(call program,bin/memnet-run,memnet-core/preload/memnet-run.c memnet-core/preload/reach.c \
	memnet-core/base/version.c $(libmemnet_src)))
$(eval $(call program,bin/memnet,memnet-core/guest/memnet-object.c memnet-core/guest/object_say.c \
	memnet-core/base/version.c \
	$(object_src) $(libmemnet_src),$(STATIC)))
$(eval $(call program,bin/memnet-work,$(work_src) $(libmemnet_src),$(STATIC) -lnettle))
$(eval $(call program,bin/memnet-zstd,$(zstd_src) $(object_src) $(libmemnet_src),-lcurl -lmicrohttpd -lzstd))
$(eval $(call program,bin/memnet-conform,$(conform_src)))
# It gives the kernel bad pointers, and is there to be preloaded: never sanitized.
$(BUILD)/bin/memnet-conform: MEMNET_CFLAGS := $(filter-out -fsanitize=%,$(MEMNET_CFLAGS))
$(BUILD)/bin/memnet-conform: MEMNET_LDFLAGS := -pthread
$(eval $(call program,bin/memnet-native,harness/guest/native.c $(control_src)))
$(eval $(call program,bin/memnet-lab,$(lab_src),-linih -ljansson -lcsv $(energy_lib)))
$(eval $(call program,bin/memnet-energy,$(energy_tool_src),-ljansson -lcsv $(energy_lib)))
$(eval $(call program,guest/memnet-energy,$(energy_tool_src),$(STATIC) -ljansson -lcsv $(energy_lib)))
$(eval $(call program,bin/memnet-bench,$(bench_src),-lm $(if $(dpdk),-lrte_ring)))
$(BUILD)/obj/memnet-core/bench/ring_dpdk.o: MEMNET_CFLAGS += $(shell pkg-config --cflags libdpdk)
$(eval $(call program,bin/energy-bench,energy/bench/sampler.c energy/test/fake_sysfs.c \
	memnet-core/base/stats.c $(energy_src) $(base_src),$(energy_lib) -lcmocka))
$(eval $(call program,guest/init,$(guest_init_src),$(STATIC)))
$(eval $(call program,guest/vfio-echo,memnet-core/test/vfio_echo.c $(libmemnet_src),$(STATIC)))
$(eval $(call program,guest/evil-guest,memnet-core/test/evil_guest.c memnet-core/test/scribble.c \
	$(libmemnet_src),$(STATIC)))
$(eval $(call program,guest/guest-joules,energy/test/guest_joules.c \
	$(energy_src) $(base_src),$(STATIC) $(energy_lib)))
$(eval $(call program,guest/link-trip,harness/test/link_trip.c harness/link.c $(paths_src) \
	$(base_src),$(STATIC)))
$(eval $(call program,guest/extra-copy/memnet-work,workloads/test/extra_copy.c $(work_src) \
	$(libmemnet_src),$(STATIC) -Wl$(,)--wrap=memnet_send -lnettle))
$(eval $(call program,memnet-core/test/resolve,memnet-core/test/resolve.c $(resolve_src) \
	$(libmemnet_src),-lcares))
$(eval $(call program,memnet-core/test/vfio-ring,memnet-core/test/vfio_ring.c memnet-core/host/ivshmem_server.c \
	$(base_src)))

syscalls := memnet-core/host/syscalls
$(BUILD)/gen/$(syscalls).h: $(syscalls).sh $(worker_src)
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(syscalls).sh $(worker_src) > $@
$(BUILD)/obj/memnet-core/host/seccomp.o: $(BUILD)/gen/$(syscalls).h
$(BUILD)/obj/memnet-core/host/seccomp.o: MEMNET_CFLAGS += -I$(BUILD)/gen

$(BUILD)/lib/libmemnet.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(library_src))
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(AR) rcsD $@ $^

# Never sanitized: the programs it is loaded into are not.
$(BUILD)/shared/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -fsanitize=%,$(MEMNET_CFLAGS)) $(CFLAGS) -fPIC -MMD -MP -c -o $@ $<
shared_objects := $(patsubst %.c,$(BUILD)/shared/%.o,$(library_src))
-include $(shared_objects:.o=.d)
$(BUILD)/lib/$(libmemnet_so): $(shared_objects) memnet-core/guest/libmemnet.map
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -pthread $(LDFLAGS) -shared -Wl,-z,defs -Wl,-soname,$(@F) \
		-Wl,--version-script=$(filter %.map,$^) -o $@ $(filter %.o,$^) -lcares

$(BUILD)/share/memnet/events/%: energy/events/%
	$(call say,COPY,$@)
	$(Q)install -D -m 644 $< $@

$(BUILD)/guest/mkpackages: harness/guest/mkpackages
	$(call say,COPY,$@)
	$(Q)install -D $< $@

$(BUILD)/share/memnet/plans/%: harness/plans/%
	$(call say,COPY,$@)
	$(Q)install -D -m 644 $< $@

# What memnet-run loads into a program. libmemnet in it is to call the C library, not the
# functions that stand in its place: inside.c has them under names that nobody else uses.
# Never sanitized: the programs it is loaded into are not.
$(BUILD)/pic/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -fsanitize=%,$(MEMNET_CFLAGS)) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<
preload_objects := $(preload_src:%.c=$(BUILD)/pic/%.o)
inside_objects := $(patsubst %.c,$(BUILD)/pic/%.o,$(names_src) $(libmemnet_src))
-include $(preload_objects:.o=.d) $(inside_objects:.o=.d)
$(BUILD)/pic/inside.o: $(inside_objects) memnet-core/preload/inside.syms
	$(call say,LINK,$@)
	$(Q)$(LD) -r -o $@ $(inside_objects)
	$(Q)objcopy --redefine-syms=memnet-core/preload/inside.syms $@
$(BUILD)/lib/libmemnet-preload.so: $(preload_objects) $(BUILD)/pic/inside.o
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -pthread $(LDFLAGS) -shared -Wl,-z,defs -o $@ $^ -lcares

# Loaded by QEMU, which has the functions it lacks.
$(BUILD)/lib/memnet-insns.so: energy/plugin/insns.c
	$(call say,PLUGIN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MEMNET_CFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP $(MEMNET_LDFLAGS) \
		$(LDFLAGS) -shared -o $@ $<
-include $(BUILD)/lib/memnet-insns.d

# The commit is compiled in; version.o is made anew when it changes.
GIT := $(shell git describe --always --dirty --abbrev=7 2>/dev/null || echo unknown)
$(BUILD)/git: always
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(GIT)' | cmp -s - $@ || echo '$(GIT)' > $@
$(BUILD)/obj/memnet-core/base/version.o: MEMNET_CFLAGS += -DVERSION_GIT='"$(GIT)"'
$(BUILD)/obj/memnet-core/base/version.o: $(BUILD)/git

parties     := memnet-core/test/parties.c memnet-core/test/party_streams.c
flows_help  := memnet-core/test/flows_help.c memnet-core/test/session_fixture.c
datagram_help := memnet-core/test/datagram_help.c memnet-core/test/session_fixture.c
fake_sysfs  := energy/test/fake_sysfs.c
one_package := energy/test/one_package.c $(fake_sysfs)
run_work    := workloads/test/run.c workloads/test/proxy.c workloads/wire.c

$(eval $(call test,memnet-core/base/test/test_parse.c,$(base_src)))
$(eval $(call test,memnet-core/base/test/test_io.c,$(base_src)))
$(eval $(call test,memnet-core/base/test/test_unix_socket.c,memnet-core/base/unix_socket.c))
$(eval $(call test,memnet-core/base/test/test_stats.c,memnet-core/base/stats.c,-lm))
$(eval $(call test,memnet-core/base/test/test_resample.c,memnet-core/base/resample.c \
	memnet-core/base/stats.c,-lm))
$(eval $(call test,memnet-core/test/test_fifo.c,$(core_src) $(base_src)))
$(eval $(call test,memnet-core/test/test_fifo_stress.c,$(core_src) $(base_src)))
$(eval $(call test,memnet-core/guest/test/test_cache_type.c,memnet-core/guest/cache_type.c))
$(eval $(call test,memnet-core/guest/test/test_store.c,memnet-core/guest/store.c))
$(eval $(call test,memnet-core/guest/test/test_agent_setup.c,memnet-core/guest/agent_setup.c \
	memnet-core/base/unix_socket.c $(libmemnet_src)))
$(eval $(call test,memnet-core/host/test/test_guest_ram.c,memnet-core/host/guest_ram.c \
	memnet-core/host/ram_map.c $(base_src)))
$(eval $(call test,memnet-core/host/test/test_policy.c,memnet-core/host/policy.c memnet-core/host/policy_text.c \
	memnet-core/host/policy_file.c memnet-core/base/nearest.c $(base_src)))
$(eval $(call test,memnet-core/host/test/test_denials.c,memnet-core/host/host_policy.c \
	memnet-core/host/policy.c memnet-core/host/policy_text.c memnet-core/base/nearest.c $(base_src),\
	-Wl$(,)--wrap=clock_gettime))
$(eval $(call test,memnet-core/host/test/test_turns.c,memnet-core/host/host_turns.c))
$(eval $(call test,memnet-core/host/test/test_broker_worker.c,\
	$(filter-out %/memnetd.c,$(memnetd_src)),-lseccomp))
$(eval $(call test,memnet-core/host/test/test_worker_ram.c,memnet-core/host/worker.c $(host_src) \
	$(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_session.c,memnet-core/test/session_fixture.c $(host_src) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_session_lies.c,memnet-core/test/session_fixture.c $(host_src) \
	$(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_listen.c,$(flows_help) $(host_src) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_waiter.c,$(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_shared_flows.c,$(flows_help) $(host_src) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_left.c,$(flows_help) $(host_src) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_memory.c,$(flows_help) $(host_src) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_readiness.c,$(flows_help) $(host_src) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_datagram.c,$(datagram_help) $(host_src) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_datagram_lies.c,$(datagram_help) $(host_src) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_agent.c,$(parties) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_notify.c,memnet-core/base/notify.c $(parties) \
	$(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_reload.c,$(parties) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_kill.c,$(parties) $(libmemnet_src)))
$(foreach of,jobs ftp,$(eval $(call test,memnet-core/test/test_object_$(of).c,\
	memnet-core/test/jobs_help.c $(parties) $(object_src) $(libmemnet_src))))
$(eval $(call test,memnet-core/test/test_isolation.c,memnet-core/test/inject.c $(parties) \
	$(libmemnet_src),-lseccomp))
$(eval $(call test,memnet-core/test/test_courier_isolation.c,memnet-core/test/inject.c $(parties) \
	$(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_signals.c,$(parties) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_halfway.c,$(parties) $(libmemnet_src)))
$(eval $(call test,memnet-core/test/test_evil.c,$(parties) memnet-core/test/scribble.c \
	$(libmemnet_src)))
$(eval $(call test,workloads/test/test_pattern.c,workloads/pattern.c))
$(eval $(call test,workloads/test/test_pace.c,workloads/pace.c))
$(eval $(call test,workloads/test/test_histogram.c,workloads/histogram.c))
$(eval $(call test,workloads/test/test_compute.c,$(run_work) $(base_src)))
$(eval $(call test,workloads/test/test_stream.c,$(run_work) $(base_src)))
$(eval $(call test,workloads/test/test_peer.c,$(run_work) $(base_src)))
$(eval $(call test,workloads/test/test_conn.c,$(run_work) $(base_src)))
$(eval $(call test,workloads/test/test_rr.c,$(run_work) $(base_src)))
$(eval $(call test,workloads/test/test_vsock.c,$(run_work) $(base_src)))
$(eval $(call test,energy/test/test_powercap.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_wrap.c,$(one_package) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_still.c,$(one_package) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_bounds.c,$(one_package) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_perf_power.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_choice.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_check.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_hwmon.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_suspend.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_model.c,$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_shape.c,energy/shape.c,-lm))
$(eval $(call test,energy/test/test_calibrate.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_attribution.c,$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_counters.c,$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_cputime.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_guest_insns.c,$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_insns_api1.c,energy/test/fake_qemu.c memnet-core/base/io.c,-rdynamic))
$(eval $(call test,energy/test/test_insns_api2.c,energy/test/fake_qemu.c energy/test/fake_scoreboard.c \
	memnet-core/base/io.c,-rdynamic))
$(eval $(call test,energy/test/test_insns_api3.c,energy/test/fake_qemu.c energy/test/fake_scoreboard.c \
	memnet-core/base/io.c,-rdynamic))
$(eval $(call test,energy/test/test_sampler.c,$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_sampler_energy.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_tool_joules.c,energy/test/run_tool.c $(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_tool_command.c,energy/test/run_tool.c $(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_tool_pids.c,energy/test/run_tool.c energy/test/read_report.c $(fake_sysfs) $(energy_src) $(base_src),-ljansson $(energy_lib)))
$(eval $(call test,energy/test/test_tool_report.c,energy/test/run_tool.c $(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_tool_options.c,energy/test/run_tool.c $(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_tool_events.c,energy/test/run_tool.c $(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_tool_calibrate.c,energy/test/run_tool.c $(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_tool_doctor.c,energy/test/run_tool.c $(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_tool_net.c,energy/test/run_tool.c energy/test/read_report.c $(fake_sysfs) $(energy_src) $(base_src),-ljansson $(energy_lib)))
$(eval $(call test,energy/test/test_numbers.c,energy/tool/csv.c energy/tool/json.c energy/tool/values.c energy/tool/repeat.c \
	memnet-core/base/stats.c $(energy_src) $(base_src),-ljansson -lcsv $(energy_lib)))
$(eval $(call test,energy/test/test_net.c,energy/tool/net.c $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_tool_output.c,energy/test/run_tool.c energy/test/read_report.c $(fake_sysfs) $(energy_src) $(base_src),-ljansson -lcsv $(energy_lib)))
$(eval $(call test,harness/test/test_columns.c,$(rows_src) memnet-core/base/io.c,$(results_lib)))
$(eval $(call test,harness/test/test_rows.c,$(rows_src) memnet-core/base/io.c,$(results_lib)))
$(eval $(call test,harness/test/test_disk_full.c,$(rows_src) memnet-core/base/io.c,$(results_lib)))
$(eval $(call test,energy/test/test_sampler_quiet.c,$(fake_sysfs) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,harness/test/test_run_attribution.c,harness/run_attribution.c harness/columns.c \
	$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,harness/test/test_run_validity.c,harness/run_validity.c harness/columns.c,-lm))
$(eval $(call test,harness/test/test_run_idle.c,$(fake_sysfs) $(lab_parts_src),-linih -ljansson -lcsv \
	$(energy_lib)))
$(eval $(call test,harness/test/test_host_state.c,harness/host_state.c $(fake_sysfs) $(energy_src) \
	$(base_src),$(energy_lib)))
$(eval $(call test,harness/test/test_threads.c,harness/threads.c $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,harness/test/test_reference.c,$(analyse_src),-lm))
$(eval $(call test,harness/test/test_run_vms.c,$(lab_parts_src),-linih -ljansson -lcsv \
	$(energy_lib)))
$(eval $(call test,harness/test/test_native.c,$(lab_parts_src),-linih -ljansson -lcsv \
	$(energy_lib)))
$(eval $(call test,harness/test/test_analyse.c,$(analyse_src),-lm))
$(eval $(call test,harness/test/test_analyse_configurations.c,$(analyse_src),-lm))
$(eval $(call test,harness/test/test_analyse_gains.c,$(analyse_src),-lm))
$(eval $(call test,harness/test/test_analyse_apps.c,$(analyse_src) $(table_src),-lm))
$(eval $(call test,harness/test/test_interference.c,$(analyse_src),-lm))
$(eval $(call test,harness/test/test_net_energy.c,$(analyse_src),-lm))
$(eval $(call test,harness/test/test_table.c,$(analyse_src) $(table_src),-lm))
$(eval $(call test,harness/test/test_table_words.c,$(analyse_src) $(table_src),-lm))
$(eval $(call test,harness/test/test_power_series.c,$(results_src) memnet-core/base/io.c,$(results_lib)))
$(eval $(call test,harness/test/test_figure_marks.c,$(results_src) memnet-core/base/io.c,$(results_lib)))
$(eval $(call test,harness/test/test_figures.c,$(results_src) memnet-core/base/io.c,$(results_lib)))
$(eval $(call test,harness/test/test_report.c,$(results_src) $(report_src) memnet-core/base/io.c,\
	-ljansson $(results_lib)))
$(eval $(call test,harness/test/test_report_page.c,$(results_src) $(report_src) memnet-core/base/io.c,\
	-ljansson $(results_lib)))
$(eval $(call test,harness/test/test_gate.c,$(results_src) memnet-core/base/io.c,$(results_lib)))
$(eval $(call test,harness/test/test_compare.c,$(results_src) memnet-core/base/io.c,$(results_lib)))
$(eval $(call test,harness/test/test_compare_errors.c,$(results_src) memnet-core/base/io.c,$(results_lib)))
$(eval $(call test,harness/test/test_provenance.c,harness/provenance.c harness/host_class.c harness/compare_folders.c \
	$(plan_src) $(results_src) $(base_src),-linih -ljansson $(results_lib)))
$(eval $(call test,harness/test/test_plan.c,$(plan_src) $(base_src),-linih))
$(eval $(call test,harness/test/test_plan_runs.c,$(plan_src) $(base_src),-linih))
$(eval $(call test,harness/test/test_plan_apps.c,$(plan_src) $(base_src),-linih))
$(eval $(call test,harness/test/test_merge.c,harness/merge.c harness/host_class.c harness/folder.c \
	memnet-core/base/version.c $(plan_src) $(results_src) $(base_src),-linih -ljansson $(results_lib)))
$(eval $(call test,harness/test/test_folder.c,harness/folder.c memnet-core/base/version.c \
	$(plan_src) $(rows_src) $(base_src),-linih -lcsv))
$(eval $(call test,harness/test/test_progress.c,harness/progress.c harness/forecast.c harness/columns.c \
	memnet-core/base/stats.c $(plan_src) $(base_src),-linih -lm))
$(eval $(call test,harness/test/test_lock.c,harness/lock.c harness/folder.c memnet-core/base/version.c \
	$(plan_src) $(rows_src) $(base_src),-linih -lcsv))
$(eval $(call test,harness/test/test_paths.c,$(paths_src) $(base_src)))
$(eval $(call test,harness/test/test_host_tsc.c,harness/host_tsc.c))
$(eval $(call test,harness/test/test_guest_link.c,harness/guest_link.c harness/interrupt.c $(base_src)))
$(eval $(call test,harness/test/test_guest.c,harness/test/guest_vm.c $(base_src)))
$(eval $(call test,harness/test/test_insns.c,harness/test/guest_vm.c harness/insns_plugin.c \
	harness/qemu.c harness/qemu_argv.c harness/child.c $(energy_src) $(base_src),-ljansson $(energy_lib)))
$(eval $(call test,harness/test/test_probe.c,harness/test/guest_vm.c harness/vm.c harness/vm_memnetd.c \
	harness/qemu.c harness/host_tsc.c \
	harness/guest_link.c harness/interrupt.c harness/link.c $(paths_src) $(energy_src) $(base_src),\
	-ljansson $(energy_lib)))
$(eval $(call test,harness/test/test_link_kernel.c,harness/test/guest_vm.c $(base_src)))
$(eval $(call test,harness/test/test_vfio.c,harness/test/guest_vm.c $(base_src)))
$(eval $(call test,harness/test/test_kernel_abi.c,harness/test/guest_vm.c energy/test/read_report.c \
	$(base_src),-ljansson))
$(eval $(call test,harness/test/test_guest_ram.c,harness/test/guest_vm.c harness/test/programs.c \
	$(base_src)))
$(eval $(call test,harness/test/test_two_vms.c,harness/test/two_vms.c harness/test/guest_vm.c harness/test/programs.c \
	$(base_src)))

# --- fuzzing: the host's code with a clock of its own, built three ways ---------------

fuzz_src := \
	memnet-core/fuzz/fuzz_host.c \
	memnet-core/fuzz/fuzz_kinds.c \
	memnet-core/fuzz/fuzz_objects.c \
	memnet-core/fuzz/fuzz_world.c \
	$(host_src) \
	$(core_src) \
	memnet-core/base/fdpass.c \
	memnet-core/base/parse.c
fuzz_dir := memnet-core/fuzz

# $(call fuzz_program,path under $(BUILD),sources,compiler,flags)
define fuzz_program
$(BUILD)/$(1).obj/%.o: %.c
	$$(call say,CC,$$<)
	$(Q)mkdir -p $$(@D)
	$(Q)$(3) $$(MEMNET_CFLAGS) $$(CFLAGS) $(4) -Dclock_gettime=fuzz_clock_gettime \
		-MMD -MP -c -o $$@ $$<
$(BUILD)/$(1): $(patsubst %.c,$(BUILD)/$(1).obj/%.o,$(2))
	$$(call say,LINK,$$@)
	$(Q)$(3) $$(MEMNET_LDFLAGS) $$(LDFLAGS) $(4) -o $$@ $$^
-include $(patsubst %.c,$(BUILD)/$(1).obj/%.d,$(2))
endef

FUZZ_CC ?= clang
$(eval $(call fuzz_program,fuzz/replay,$(fuzz_dir)/replay.c $(fuzz_src),$$(CC),))
$(eval $(call fuzz_program,fuzz/host,$(fuzz_src),$$(FUZZ_CC),-fsanitize=fuzzer$(,)address$(,)undefined))
$(eval $(call fuzz_program,fuzz/covered,$(fuzz_dir)/replay.c $(fuzz_src),$$(FUZZ_CC),-fprofile-instr-generate -fcoverage-mapping))
$(eval $(call program,fuzz/make_seeds,$(fuzz_dir)/make_seeds.c))
TESTS += $(BUILD)/fuzz/replay

TEST_SCRIPTS := \
	memnet-core/host/test/test_man.sh \
	memnet-core/test/test_start.sh \
	memnet-core/test/test_objects.sh \
	memnet-core/test/test_object_nginx.sh \
	memnet-core/test/test_object_protocols.sh \
	memnet-core/test/test_courier_resolver.sh \
	memnet-core/test/test_object_serve.sh \
	harness/test/test_deps.sh \
	harness/test/test_lab.sh \
	harness/test/test_completion.sh \
	memnet-core/preload/test/test_programs.sh memnet-core/preload/test/test_limits.sh \
	memnet-core/test/test_resolve.sh \
	memnet-core/preload/test/test_names.sh memnet-core/conformance/test_conformance.sh \
	memnet-core/test/test_install.sh \
	harness/test/test_experiment.sh \
	harness/test/test_packages.sh \
	harness/test/test_apps.sh \
	harness/test/test_programs_vm.sh harness/test/test_conformance_vm.sh \
	harness/test/test_topologies.sh \
	harness/test/test_link.sh \
	harness/test/test_units.sh \
	harness/test/test_seeded_fault.sh

# These execute programs, load the plugin, or boot VMs.
$(foreach of,joules command pids report options events output calibrate doctor \
	net,$(BUILD)/energy/test/test_tool_$(of)): | $(BUILD)/bin/memnet-energy \
	$(event_sets:energy/%=$(BUILD)/share/memnet/%)
$(foreach api,1 2 3,$(BUILD)/energy/test/test_insns_api$(api)): | $(BUILD)/lib/memnet-insns.so
$(BUILD)/memnet-core/test/test_agent $(BUILD)/memnet-core/test/test_evil \
$(BUILD)/memnet-core/test/test_isolation $(BUILD)/memnet-core/test/test_object_jobs \
$(BUILD)/memnet-core/test/test_object_ftp \
$(BUILD)/memnet-core/test/test_courier_isolation \
$(BUILD)/memnet-core/test/test_kill $(BUILD)/memnet-core/test/test_signals \
$(BUILD)/memnet-core/test/test_halfway $(BUILD)/memnet-core/test/test_notify \
$(BUILD)/memnet-core/test/test_reload: | \
	$(BUILD)/bin/memnetd $(BUILD)/bin/memnet-courier $(BUILD)/bin/memnet-agent
$(BUILD)/workloads/test/test_compute $(BUILD)/workloads/test/test_stream \
$(BUILD)/workloads/test/test_peer $(BUILD)/workloads/test/test_rr \
$(BUILD)/workloads/test/test_conn $(BUILD)/workloads/test/test_vsock: | $(BUILD)/bin/memnet-work
$(BUILD)/harness/test/test_native: | $(BUILD)/bin/memnet-native $(BUILD)/bin/memnet-work
$(BUILD)/harness/test/test_guest $(BUILD)/harness/test/test_probe: | guest-image
$(BUILD)/harness/test/test_insns: | guest-image $(BUILD)/lib/memnet-insns.so
$(BUILD)/harness/test/test_vfio: | guest-image $(BUILD)/memnet-core/test/vfio-ring \
	$(if $(SANITIZE),,$(BUILD)/guest/test-vfio.img)
$(BUILD)/harness/test/test_kernel_abi: | guest-image \
	$(if $(SANITIZE),,$(BUILD)/guest/test-energy.img)
$(BUILD)/harness/test/test_link_kernel: | guest-image \
	$(if $(SANITIZE),,$(BUILD)/guest/test-link.img)
$(BUILD)/harness/test/test_guest_ram: | guest-image $(BUILD)/bin/memnetd
$(BUILD)/harness/test/test_two_vms: | guest-image $(BUILD)/bin/memnetd \
	$(if $(SANITIZE),,$(BUILD)/guest/test-evil.img)

# --- guest image: KERNEL=, KMODULES=, INITRD_EXTRA= ----------------------------------

# One for all build folders: it is a download.
KERNEL_DIR ?= build/kernel

guest_kernel   := $(or $(KERNEL),$(KERNEL_DIR)/vmlinuz)
guest_kmodules := $(if $(KERNEL),$(KMODULES),$(KERNEL_DIR)/modules)
guest_extra    := $(if $(INITRD_EXTRA),$(shell find $(INITRD_EXTRA)))
guest_inputs   := $(guest_kernel) $(guest_kmodules) $(INITRD_EXTRA)
guest_programs := $(BUILD)/guest/init $(BUILD)/bin/memnet-agent $(BUILD)/bin/memnet-work

$(KERNEL_DIR)/vmlinuz:
	$(call say,FETCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)harness/guest/mkimage kernel $(@D)

# Rewritten only when one of the variables has changed.
$(BUILD)/guest/inputs: always
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(guest_inputs)' | cmp -s - $@ || echo '$(guest_inputs)' > $@

$(BUILD)/guest/vmlinuz: $(guest_kernel) $(BUILD)/guest/inputs
	$(call say,COPY,$@)
	$(Q)cp $(guest_kernel) $@

# Four have programs of tests in them; the first of these no agent, which would own the device.
$(BUILD)/guest/initrd.img: $(guest_programs)
$(BUILD)/guest/test-vfio.img: $(BUILD)/guest/init $(BUILD)/guest/vfio-echo
$(BUILD)/guest/test-evil.img: $(guest_programs) $(BUILD)/guest/evil-guest
$(BUILD)/guest/test-copy.img: $(BUILD)/guest/init $(BUILD)/bin/memnet-agent \
	$(BUILD)/guest/extra-copy/memnet-work
$(BUILD)/guest/test-link.img: $(BUILD)/guest/init $(BUILD)/guest/link-trip
$(BUILD)/guest/test-link.img: export MORE_MODULES := veth sch_tbf sch_netem
$(BUILD)/guest/initrd.img $(BUILD)/guest/test-vfio.img $(BUILD)/guest/test-evil.img \
$(BUILD)/guest/test-copy.img $(BUILD)/guest/test-link.img: \
		harness/guest/mkimage $(guest_kernel) $(BUILD)/guest/inputs $(guest_extra)
	$(call say,CPIO,$@)
	$(Q)KMODULES='$(guest_kmodules)' INITRD_EXTRA='$(INITRD_EXTRA)' \
		harness/guest/mkimage initrd $@ \
		$(filter $(guest_programs) $(BUILD)/guest/vfio-echo $(BUILD)/guest/evil-guest \
			$(BUILD)/guest/link-trip $(BUILD)/guest/extra-copy/memnet-work,$^)

# One has modules in it. Where there are no headers to build it against there is
# no image but a file that tells why; the test skips with that, and the next make tries again.
kernel_modules := energy/test/kernel_modules
$(BUILD)/guest/test-energy.img: $(BUILD)/guest/init $(BUILD)/guest/guest-joules \
		$(BUILD)/guest/memnet-energy energy/test/suspend.sh $(wildcard $(kernel_modules)/*) harness/guest/mkimage \
		$(guest_kernel) $(BUILD)/guest/inputs
	$(call say,MODULE,$@)
	$(Q)rm -rf $@.why $@.extra && mkdir $@.extra && cp energy/test/suspend.sh $@.extra
	$(Q)status=0; KMODULES='$(guest_kmodules)' harness/guest/mkimage modules $(KERNEL_DIR)/headers \
		$(kernel_modules) $@.extra 2>$@.log || status=$$?; \
	case $$status in \
	0) KMODULES='$(guest_kmodules)' INITRD_EXTRA=$@.extra harness/guest/mkimage initrd $@ \
		$(filter $(BUILD)/guest/%,$(filter-out %/inputs,$^)) ;; \
	77) mv $@.log $@.why; tail -n 1 $@.why ;; \
	*) cat $@.log >&2; exit 1 ;; \
	esac

# --- rules ---------------------------------------------------------------------------

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MEMNET_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(sort $(OBJECTS)))

LAB := $(BUILD)/bin/memnet-lab --build=$(BUILD) --results=$(RESULTS)

.PHONY: always all guest-image test test-threads fuzz fuzz-compiler fuzz-seeds fuzz-coverage experiment \
	check-regression bench stress verify conform-vm plots doctor lint install uninstall clean help

all: $(PROGRAMS)

# Sanitized programs are not static and boot nowhere; tests in VMs skip then.
guest-image: $(if $(SANITIZE),,$(BUILD)/guest/vmlinuz $(BUILD)/guest/initrd.img)

test: all guest-image $(TESTS) $(BUILD)/memnet-core/test/resolve $(if $(SANITIZE),,$(BUILD)/guest/test-copy.img)
	$(Q)BUILD=$(BUILD) .ci/test $(TESTS) $(TEST_SCRIPTS)

# What has threads; for SANITIZE=thread.
THREADED := \
	$(BUILD)/memnet-core/test/test_fifo \
	$(BUILD)/memnet-core/test/test_fifo_stress \
	$(BUILD)/memnet-core/test/test_session \
	$(BUILD)/memnet-core/test/test_session_lies \
	$(BUILD)/memnet-core/test/test_listen \
	$(BUILD)/memnet-core/test/test_shared_flows \
	$(BUILD)/memnet-core/test/test_waiter \
	$(BUILD)/memnet-core/test/test_readiness \
	$(BUILD)/memnet-core/test/test_datagram \
	$(BUILD)/memnet-core/test/test_datagram_lies \
	$(BUILD)/memnet-core/test/test_agent \
	$(BUILD)/memnet-core/test/test_signals \
	$(BUILD)/workloads/test/test_stream \
	$(BUILD)/workloads/test/test_peer \
	$(BUILD)/workloads/test/test_rr \
	$(BUILD)/workloads/test/test_conn \
	$(BUILD)/energy/test/test_sampler \
	$(BUILD)/energy/test/test_sampler_energy \
	$(BUILD)/energy/test/test_tool_output

test-threads: $(THREADED)
	$(Q)BUILD=$(BUILD) .ci/test $(THREADED)

# The corpus grows in $(BUILD)/fuzz/corpus; an input that breaks a claim is left beside it.
FUZZ_TIME ?= 60

fuzz-compiler:
	$(Q)echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' | \
		$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null || { \
		echo '$(FUZZ_CC) cannot build fuzzers here; on Debian: apt-get install clang libclang-rt-14-dev' >&2; \
		exit 1; }

fuzz: fuzz-compiler
	$(Q)$(MAKE) --no-print-directory $(BUILD)/fuzz/host
	$(Q)mkdir -p $(BUILD)/fuzz/corpus
	$(Q)$(BUILD)/fuzz/host -max_total_time=$(FUZZ_TIME) -max_len=4096 -timeout=60 \
		-print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/ \
		$(BUILD)/fuzz/corpus $(fuzz_dir)/seeds

# After a change of make_seeds.c or actions.h.
fuzz-seeds: $(BUILD)/fuzz/make_seeds
	$(Q)rm -f $(fuzz_dir)/seeds/*
	$(Q)$(BUILD)/fuzz/make_seeds $(fuzz_dir)/seeds

# Lines of the host that the seeds, and what `make fuzz` found since, reach.
fuzz-coverage: $(BUILD)/fuzz/covered
	$(Q)mkdir -p $(BUILD)/fuzz/corpus
	$(Q)LLVM_PROFILE_FILE=$(BUILD)/fuzz/raw $(BUILD)/fuzz/covered $(fuzz_dir)/seeds \
		$(BUILD)/fuzz/corpus > /dev/null
	$(Q)llvm-profdata merge -o $(BUILD)/fuzz/profile $(BUILD)/fuzz/raw
	$(Q)llvm-cov report $(BUILD)/fuzz/covered -instr-profile=$(BUILD)/fuzz/profile \
		memnet-core/host memnet-core/fifo.c memnet-core/pending.h
	$(Q)llvm-cov show $(BUILD)/fuzz/covered -instr-profile=$(BUILD)/fuzz/profile \
		memnet-core/host memnet-core/fifo.c > $(BUILD)/fuzz/coverage.txt
	$(Q)echo 'line by line: $(BUILD)/fuzz/coverage.txt'

# RESUME=<results folder> finishes an interrupted experiment.
experiment: all guest-image
	$(Q)$(LAB) --accel=$(ACCEL) $(if $(RESUME),resume $(RESUME),run $(PLAN))
	$(Q)plots/plot.sh $(if $(RESUME),$(RESUME),$(RESULTS)/latest)
	$(Q)$(LAB) report $(if $(RESUME),$(RESUME),$(RESULTS)/latest) > /dev/null
	$(Q)echo "report: $(or $(RESUME),$(RESULTS)/$$(readlink $(RESULTS)/latest))/report.html"

check-regression: $(BUILD)/bin/memnet-lab
	$(Q)$(LAB) check $(RESULTS)/latest

bench: $(BUILD)/bin/memnet-bench $(BUILD)/bin/memnetd $(BUILD)/bin/energy-bench
	$(Q)$(BUILD)/bin/memnet-bench
	$(Q)$(BUILD)/bin/energy-bench

# Minutes: every case of the conformance suite in a VM, against the kernel's sockets.
conform-vm: all guest-image
	$(Q)BUILD=$(BUILD) harness/test/conform_vm.sh $(BUILD)/conform-vm

# The models of memnet-core/model, and what they must catch: a minute.
verify:
	$(Q)CC='$(CC)' memnet-core/model/verify.sh $(BUILD)/model

# Minutes; for a release, and after any change to the FIFO.
stress: $(BUILD)/memnet-core/test/test_fifo_stress
	$(Q)MEMNET_STRESS=$(or $(MESSAGES),100000000) $<

plots: $(BUILD)/bin/memnet-lab
	$(Q)$(LAB) report $(RESULTS)/latest > /dev/null
	$(Q)plots/plot.sh $(RESULTS)/latest
	$(Q)$(LAB) report $(RESULTS)/latest > /dev/null
	$(Q)dir=$(RESULTS)/$$(readlink $(RESULTS)/latest); \
		echo "figures: $$dir/figures/"; echo "report: $$dir/report.html"

doctor: all guest-image
	$(Q)$(LAB) doctor

lint:
	$(Q).ci/lint

# --- installation: under PREFIX, libraries in LIBDIR, all of it behind DESTDIR ------------

# $(call into,folder,mode,files)
define into
installed += $(addprefix $(1)/,$(notdir $(3)))
install_all += install -D -m $(2) -t '$$(DESTDIR)$(1)' $(3) &&
endef

# What says where it is installed; written anew each time, for that may be elsewhere.
$(BUILD)/placed/%: % always
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's|/usr/local/|$(PREFIX)/|g' -e 's|@PREFIX@|$(PREFIX)|' \
		-e 's|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|' \
		-e 's|@VERSION@|$(libmemnet_version)|' $< > $@
$(BUILD)/placed/completions/%: harness/completion/%.bash
	$(Q)install -D -m 644 $< $@

placed_units := $(BUILD)/placed/memnet-core/host/memnetd@.service \
	$(BUILD)/placed/memnet-core/guest/memnet-agent.service
placed_lab_1 := $(BUILD)/placed/harness/memnet-lab.1
placed_pc := $(BUILD)/placed/memnet-core/guest/memnet.pc
completions := $(BUILD)/placed/completions/memnet-lab

$(eval $(call into,$(PREFIX)/bin,755,$(addprefix $(BUILD)/bin/,memnetd memnet-courier \
	memnet-agent memnet-run memnet memnet-work memnet-zstd memnet-native memnet-lab memnet-energy)))
$(eval $(call into,$(LIBDIR),644,$(addprefix $(BUILD)/lib/,libmemnet.a $(libmemnet_so) \
	memnet-insns.so)))
$(eval $(call into,$(LIBDIR)/pkgconfig,644,$(placed_pc)))
$(eval $(call into,$(PREFIX)/include,644,$(addprefix memnet-core/guest/,memnet.h memnet_object.h)))
$(eval $(call into,$(PREFIX)/include/memnet-core,644,memnet-core/flow_values.h))
# Where memnet-run finds it from where it is itself.
$(eval $(call into,$(PREFIX)/lib/memnet,644,$(BUILD)/lib/libmemnet-preload.so))
$(eval $(call into,$(PREFIX)/lib/systemd/system,644,$(placed_units)))
$(eval $(call into,$(PREFIX)/share/memnet/events,644,$(event_sets)))
$(eval $(call into,$(PREFIX)/share/memnet/plans,644,$(plans)))
$(eval $(call into,$(PREFIX)/share/man/man1,644,$(placed_lab_1) energy/tool/memnet-energy.1 \
	memnet-core/preload/memnet-run.1 memnet-core/guest/memnet.1))
$(eval $(call into,$(PREFIX)/share/man/man3,644,memnet-core/guest/libmemnet.3))
$(eval $(call into,$(PREFIX)/share/man/man8,644,memnet-core/host/memnetd.8 \
	memnet-core/guest/memnet-agent.8))
$(eval $(call into,$(PREFIX)/share/bash-completion/completions,644,$(completions)))

install: all $(placed_units) $(placed_lab_1) $(placed_pc) $(completions)
	$(Q)$(install_all) ln -sf $(libmemnet_so) '$(DESTDIR)$(LIBDIR)/libmemnet.so'

# Folders go where they are ours and empty.
uninstall:
	$(Q)rm -f $(patsubst %,'$(DESTDIR)%',$(installed) $(LIBDIR)/libmemnet.so)
	$(Q)if ! [ -d '$(DESTDIR)$(PREFIX)' ]; then \
		echo 'nothing is installed under $(DESTDIR)$(PREFIX): no such directory; PREFIX=' \
			'and DESTDIR= are as for make install' >&2; exit 1; fi
	$(Q)cd '$(DESTDIR)$(PREFIX)' && for d in include/memnet-core lib/memnet share/memnet/events \
		share/memnet/plans share/memnet; do [ ! -d $$d ] || \
		rmdir --ignore-fail-on-non-empty $$d; done

clean:
	$(Q)rm -rf $(BUILD)

help:
	@echo 'make experiment        boot VMs, measure, print the table, draw the figures, write report.html'
	@echo 'make test              build and run all tests'
	@echo 'make test-threads      the tests with threads, for SANITIZE=thread'
	@echo 'make check-regression  compare results/latest with results/thresholds.csv'
	@echo 'make doctor            what works on this machine, and what mends the rest'
	@echo 'make plots             analyse and draw results/latest again'
	@echo 'make verify            model-check the FIFO, the wake-ups, the pending set, the session'
	@echo 'make conform-vm        all cases of the conformance suite over MemNet in a VM; minutes'
	@echo 'make bench             rings, FIFOs, memnetd against DPDK, memcpy, bare lines, sockets; the sampler'
	@echo 'make stress            10^8 messages through a FIFO, asleep and awake; minutes'
	@echo 'make fuzz              a hostile guest against the host for FUZZ_TIME=60 seconds (wants clang)'
	@echo 'make fuzz-seeds        write the seeds anew, after a change of what an action means'
	@echo 'make fuzz-coverage     which lines of the host the seeds and the corpus reach'
	@echo 'make all guest-image   programs; kernel and initramfs of the guest'
	@echo 'make install uninstall  PREFIX=/usr/local LIBDIR=PREFIX/lib DESTDIR='
	@echo 'make lint clean help'
	@echo
	@echo 'PLAN=harness/plans/smoke.ini    another plan; the smoke plan takes two minutes;'
	@echo '                                build/bin/memnet-lab plans lists them'
	@echo 'RESUME=results/...              finish an interrupted experiment'
	@echo 'ACCEL=auto|kvm|tcg              auto: KVM if a kernel really boots under it'
	@echo 'KERNEL=bzImage KMODULES=dir     a guest kernel of your own; INITRD_EXTRA=dir'
	@echo 'V=1 WERROR=1 CC=clang SANITIZE=address,undefined BUILD=build/asan'
