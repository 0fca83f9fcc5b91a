# MemNet: build, test, experiment. `make help` lists the targets.
#
# One file, no recursion. Each program is a list of sources and a list of
# libraries; objects go to $(BUILD), nothing is written beside the sources.
# Variables a user may set: CC, CFLAGS, BUILD, V=1 (show commands), WERROR=1,
# SANITIZE=address,undefined | thread, PLAN=, ACCEL=, KERNEL=, INITRD_EXTRA=.

BUILD   ?= build
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
CFLAGS  ?= -O2 -g
PLAN    ?= harness/plans/paper.ini
ACCEL   ?= auto

MEMNET_CFLAGS := -std=gnu11 -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes \
                 -Wpointer-arith -Wno-unused-parameter -Wno-missing-field-initializers \
                 -D_GNU_SOURCE -I. -pthread $(if $(WERROR),-Werror) \
                 $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer) \
                 $(if $(findstring thread,$(SANITIZE)),-Wno-tsan)
MEMNET_LDFLAGS := -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

# --- sources -----------------------------------------------------------------

base_src := \
	memnet-core/base/io.c \
	memnet-core/base/parse.c

core_src := \
	memnet-core/layout.c \
	memnet-core/fifo.c

guest_src := \
	memnet-core/region.c \
	memnet-core/region_ivshmem.c \
	memnet-core/guest.c

host_src := \
	memnet-core/loop.c \
	memnet-core/policy.c \
	memnet-core/host.c \
	memnet-core/host_flow.c

memnetd_src := \
	memnet-core/memnetd.c \
	memnet-core/ivshmem_server.c

# --- programs and tests: name, sources, libraries ----------------------------

TESTS :=
PROGRAMS :=

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

$(eval $(call program,bin/memnetd,$(memnetd_src) $(host_src) $(core_src) $(base_src)))
PROGRAMS += $(BUILD)/bin/memnetd

$(eval $(call test,memnet-core/base/test/test_parse.c,$(base_src)))

$(eval $(call test,memnet-core/test/test_fifo.c,$(core_src)))
$(eval $(call test,memnet-core/test/test_session.c,$(guest_src) $(host_src) $(core_src) $(base_src)))

# --- workloads: one program for guests and peers, so static ------------------

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
	workloads/flow.c \
	workloads/pattern.c \
	workloads/pace.c \
	workloads/wire.c \
	workloads/transport.c \
	workloads/transport_socket.c \
	workloads/transport_memnet.c \
	workloads/peer.c \
	workloads/peer_session.c \
	workloads/copy.c

# Sanitizers do not go with -static.
STATIC := $(if $(SANITIZE),,-static)

$(eval $(call program,bin/memnet-work,$(work_src) $(guest_src) $(core_src) $(base_src),$(STATIC) -lnettle))
PROGRAMS += $(BUILD)/bin/memnet-work

work_test_src := workloads/test/run.c workloads/test/proxy.c workloads/wire.c $(base_src)

$(eval $(call test,workloads/test/test_pattern.c,workloads/pattern.c))
$(eval $(call test,workloads/test/test_pace.c,workloads/pace.c))
$(eval $(call test,workloads/test/test_compute.c,$(work_test_src)))
$(eval $(call test,workloads/test/test_stream.c,$(work_test_src)))
$(eval $(call test,workloads/test/test_peer.c,$(work_test_src)))
$(BUILD)/workloads/test/test_compute $(BUILD)/workloads/test/test_stream \
$(BUILD)/workloads/test/test_peer: | $(BUILD)/bin/memnet-work

# results: CSV files, statistics, table, gate

rows_src := \
	harness/columns.c \
	harness/rows.c \
	harness/rows_load.c \
	memnet-core/base/io.c

analyse_src := \
	harness/analyse.c \
	harness/columns.c \
	harness/groups.c \
	harness/metrics.c \
	harness/stats.c

table_src := \
	harness/table.c \
	harness/table_words.c

results_src := $(sort $(rows_src) $(analyse_src) $(table_src) \
	harness/gate.c harness/power_series.c harness/results.c)

$(eval $(call test,harness/test/test_columns.c,$(rows_src),-lcsv -lm))
$(eval $(call test,harness/test/test_rows.c,$(rows_src),-lcsv -lm))
$(eval $(call test,harness/test/test_disk_full.c,$(rows_src),-lcsv -lm))
$(eval $(call test,harness/test/test_stats.c,harness/stats.c,-lm))
$(eval $(call test,harness/test/test_reference.c,harness/columns.c harness/metrics.c,-lm))
$(eval $(call test,harness/test/test_analyse.c,$(analyse_src),-lm))
$(eval $(call test,harness/test/test_power_series.c,$(results_src),-lcsv -lm))
$(eval $(call test,harness/test/test_figures.c,$(results_src),-lcsv -lm))
$(eval $(call test,harness/test/test_gate.c,$(results_src),-lcsv -lm))
$(eval $(call test,harness/test/test_table.c,$(analyse_src) $(table_src),-lm))

# --- energy ------------------------------------------------------------------

energy_src := \
	energy/energy.c \
	energy/energy_value.c \
	energy/energy_perf.c \
	energy/energy_powercap.c \
	energy/energy_model.c \
	energy/counters.c \
	energy/cputime.c \
	energy/sampler.c
energy_lib := -lpfm -lm
energy_fake := energy/test/fake_sysfs.c

$(eval $(call test,energy/test/test_powercap.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_wrap.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_perf_power.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_choice.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_model.c,$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_counters.c,$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_cputime.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_sampler.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))

# --- harness: the lab --------------------------------------------------------

lab_src := \
	harness/lab.c \
	harness/doctor.c \
	harness/experiment.c \
	harness/run.c \
	harness/run_row.c \
	harness/threads.c \
	harness/vm.c \
	harness/guest_link.c \
	harness/qemu.c \
	harness/accel.c \
	harness/tap.c \
	harness/sandbox.c \
	harness/child.c \
	harness/plan.c \
	harness/vocabulary.c \
	harness/folder.c \
	harness/environment.c \
	harness/progress.c \
	harness/interrupt.c \
	harness/version.c
lab_lib := -linih -ljansson -lcsv $(energy_lib)

$(eval $(call program,bin/memnet-lab,$(lab_src) $(results_src) $(energy_src) memnet-core/base/parse.c,$(lab_lib)))
PROGRAMS += $(BUILD)/bin/memnet-lab

# The commit is compiled in; version.o is made anew when it changes.
GIT := $(shell git describe --always --dirty --abbrev=7 2>/dev/null || echo unknown)
$(shell mkdir -p $(BUILD) && echo '$(GIT)' | cmp -s - $(BUILD)/git || echo '$(GIT)' > $(BUILD)/git)
$(BUILD)/obj/harness/version.o: MEMNET_CFLAGS += -DVERSION_GIT='"$(GIT)"'
$(BUILD)/obj/harness/version.o: $(BUILD)/git

plan_src := harness/plan.c harness/vocabulary.c $(base_src)

$(eval $(call test,harness/test/test_plan.c,$(plan_src),-linih))
$(eval $(call test,harness/test/test_guest_link.c,harness/guest_link.c harness/interrupt.c $(base_src)))

# --- rules -------------------------------------------------------------------

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MEMNET_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(sort $(OBJECTS)))

.PHONY: all test clean help
all: $(PROGRAMS)
clean:
	$(Q)rm -rf $(BUILD)
