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
                 $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
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

$(eval $(call test,memnet-core/base/test/test_parse.c,$(base_src)))

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
	workloads/peer.c \
	workloads/peer_session.c \
	workloads/copy.c

# Sanitizers do not go with -static.
STATIC := $(if $(SANITIZE),,-static)

$(eval $(call program,memnet-work,$(work_src) $(base_src),$(STATIC) -lnettle))
PROGRAMS += $(BUILD)/memnet-work

work_test_src := workloads/test/run.c workloads/test/proxy.c workloads/wire.c $(base_src)

$(eval $(call test,workloads/test/test_pattern.c,workloads/pattern.c))
$(eval $(call test,workloads/test/test_pace.c,workloads/pace.c))
$(eval $(call test,workloads/test/test_compute.c,$(work_test_src)))
$(eval $(call test,workloads/test/test_stream.c,$(work_test_src)))
$(eval $(call test,workloads/test/test_peer.c,$(work_test_src)))
$(BUILD)/workloads/test/test_compute $(BUILD)/workloads/test/test_stream \
$(BUILD)/workloads/test/test_peer: | $(BUILD)/memnet-work

# --- dependencies: `make deps` ---------------------------------------------------

.PHONY: deps
deps:
	$(Q)CC='$(CC)' harness/deps.sh

TEST_SCRIPTS += harness/test/test_deps.sh

# --- guest image: `make guest-image`; KERNEL=, KMODULES=, INITRD_EXTRA= ----------

guest_init_src := \
	harness/guest/init.c \
	harness/guest/boot.c \
	harness/guest/control.c \
	harness/guest/slots.c

$(eval $(call program,guest/init,$(guest_init_src) $(base_src),$(STATIC)))

# One for all build folders: it is a download.
KERNEL_DIR ?= build/kernel

guest_kernel   := $(or $(KERNEL),$(KERNEL_DIR)/vmlinuz)
guest_kmodules := $(if $(KERNEL),$(KMODULES),$(KERNEL_DIR)/modules)
guest_extra    := $(if $(INITRD_EXTRA),$(shell find $(INITRD_EXTRA)))
guest_inputs   := $(guest_kernel) $(guest_kmodules) $(INITRD_EXTRA)

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

$(BUILD)/guest/initrd.img: harness/guest/mkimage $(BUILD)/guest/init $(BUILD)/memnet-work \
		$(guest_kernel) $(BUILD)/guest/inputs $(guest_extra)
	$(call say,CPIO,$@)
	$(Q)KMODULES='$(guest_kmodules)' INITRD_EXTRA='$(INITRD_EXTRA)' \
		harness/guest/mkimage initrd $@ $(BUILD)/guest/init $(BUILD)/memnet-work

# Sanitized programs are not static and boot nowhere; test_guest skips then.
.PHONY: guest-image always
guest-image: $(if $(SANITIZE),,$(BUILD)/guest/vmlinuz $(BUILD)/guest/initrd.img)

$(eval $(call test,harness/test/test_guest.c,$(base_src)))
$(BUILD)/harness/test/test_guest: | guest-image

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
